"""Services: upstreams, by name, and where they are."""

from typing import Any
from urllib.parse import urlsplit

from sidecar.admin import text_checks
from sidecar.admin.containers import Field
from sidecar.admin.entity_checks import MustBeNull
from sidecar.admin.kinds import Boolean, Fixed, Integer, InvalidValueError, Text
from sidecar.admin.schema import CREATED_AT, ID, TAGS, UPDATED_AT, Schema, indexed_text

PROTOCOLS = ("grpc", "grpcs", "http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TIME = Integer(between=(1, 2**31 - 2))
NAME = indexed_text(text_checks.name)
_NOT_HERE = Field(kind=Fixed(None), doc="Not supported: only null.")


def _timeout(doc: str) -> Field:
    return Field(kind=_TIME, default=60_000, doc=f"{doc}, in milliseconds.")


def _from_url(values: dict[str, Any], updating: bool) -> dict[str, Any]:  # noqa: ARG001 - the same for both
    """Spell ``url`` out as protocol, host, port and path."""
    if "url" not in values:
        return values
    url = values.pop("url")
    if not isinstance(url, str):
        raise InvalidValueError({"url": "expected a string"})
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidValueError({"url": "could not parse url"}) from None
    protocol = parts.scheme or {443: "https"}.get(port or 0, "http")
    return {
        **values,
        "protocol": protocol,
        "host": parts.hostname,
        "port": _DEFAULT_PORTS.get(protocol, 80) if port is None else port,
        "path": parts.path or None,
    }


SCHEMA = Schema(
    name="services",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "updated_at": UPDATED_AT,
        "name": Field(kind=NAME, doc="A name, unique, as Envoy passes it."),
        "retries": Field(
            kind=Integer(between=(0, 32767)), default=5, doc="How often a call is tried again."
        ),
        "protocol": Field(
            kind=Text(one_of=PROTOCOLS),
            required=True,
            default="http",
            doc="How the upstream is spoken to.",
        ),
        "host": Field(kind=Text(checks=(text_checks.host,)), required=True, doc="Where it is."),
        "port": Field(
            kind=Integer(between=(0, 65535)), required=True, default=80, doc="On which port."
        ),
        "path": Field(
            kind=Text(checks=(text_checks.path,)), doc="A path that is put before the request's."
        ),
        "connect_timeout": _timeout("How long connecting may take"),
        "write_timeout": _timeout("How long may pass between two writes"),
        "read_timeout": _timeout("How long may pass between two reads"),
        "tags": TAGS,
        "client_certificate": _NOT_HERE,
        "tls_verify": _NOT_HERE,
        "tls_verify_depth": _NOT_HERE,
        "ca_certificates": _NOT_HERE,
        "enabled": Field(
            kind=Boolean(), required=True, default=True, doc="Whether it is in the proxy's config."
        ),
    },
    endpoint_key="name",
    restricted_by="routes",
    checks=(MustBeNull(name="path", where="protocol", is_one_of=frozenset({"grpc", "grpcs"})),),
    prepare=_from_url,
)
