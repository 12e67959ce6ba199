"""Routes: names that Envoy passes, and what they match. A name is enough."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.admin import text_checks
from sidecar.admin.containers import Field, ListOf, MapOf, Reference
from sidecar.admin.kinds import Boolean, Fixed, Integer, Text
from sidecar.admin.problems import Why
from sidecar.admin.schema import CREATED_AT, ID, TAGS, UPDATED_AT, Schema
from sidecar.admin.services import NAME, PROTOCOLS

_GRPC = frozenset({"grpc", "grpcs"})
_INT32 = (-(2**31), 2**31 - 1)
_ONE_TEXT = Text()
_NOT_HERE = Field(kind=Fixed(None), doc="Not supported: only null.")


def _always(value: object) -> Field:
    return Field(kind=Fixed(value), default=value, doc="Kong's default; nothing else is supported.")


def _one_family(protocols: Sequence[Any]) -> str | None:
    families = {"grpc" if protocol in _GRPC else "http" for protocol in protocols}
    if len(families) < 2:  # noqa: PLR2004 - one of both
        return None
    return "these sets are mutually exclusive: ('http', 'https'), ('grpc', 'grpcs')"


def _is_grpc(route: Mapping[str, Any]) -> bool:
    protocols = route.get("protocols")
    return isinstance(protocols, list) and any(protocol in _GRPC for protocol in protocols)


def _keep_grpc_paths(values: dict[str, Any], updating: bool) -> dict[str, Any]:
    # A gRPC path is the method's name: there is nothing to strip.
    if not updating and _is_grpc(values) and values.get("strip_path") is None:
        values["strip_path"] = False
    return values


def _grpc_has_neither(route: Mapping[str, Any], _updating: bool) -> Mapping[str, Why]:
    if not _is_grpc(route):
        return {}
    wrong = {
        "methods": route.get("methods") is not None,
        "strip_path": route.get("strip_path") is True,
    }
    return {
        name: f"cannot set '{name}' when 'protocols' is 'grpc' or 'grpcs'"
        for name, is_wrong in wrong.items()
        if is_wrong
    }


SCHEMA = Schema(
    name="routes",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "updated_at": UPDATED_AT,
        "name": Field(kind=NAME, doc="A name, unique, as Envoy passes it."),
        "protocols": Field(
            kind=ListOf(
                elements=Text(one_of=PROTOCOLS), distinct=True, min_length=1, checks=(_one_family,)
            ),
            required=True,
            default=["http", "https"],
            doc="The protocols of the requests.",
        ),
        "methods": Field(
            kind=ListOf(elements=Text(checks=(text_checks.method,)), distinct=True),
            doc="The methods of the requests; null: any.",
        ),
        "hosts": Field(
            kind=ListOf(elements=Text(checks=(text_checks.matched_host,))),
            doc="The hosts of the requests; null: any.",
        ),
        "paths": Field(
            kind=ListOf(elements=Text(checks=(text_checks.route_path,))),
            doc="What their paths begin with, or ~ and a regular expression; null: anything.",
        ),
        "headers": Field(
            kind=MapOf(
                keys=Text(checks=(text_checks.matched_header_name,)),
                values=ListOf(elements=_ONE_TEXT, min_length=1),
            ),
            doc="Headers that they have, each with one of some values; null: any.",
        ),
        "https_redirect_status_code": _always(426),
        "regex_priority": Field(
            kind=Integer(between=_INT32), default=0, doc="Which of several matching routes wins."
        ),
        "strip_path": Field(
            kind=Boolean(),
            required=True,
            default=True,
            doc="Whether the matched path is taken off before the request goes on.",
        ),
        "path_handling": _always("v0"),
        "preserve_host": Field(
            kind=Boolean(),
            required=True,
            default=False,
            doc="Whether the upstream sees the host that the client asked for.",
        ),
        "request_buffering": _always(True),
        "response_buffering": _always(True),
        "snis": _NOT_HERE,
        "sources": _NOT_HERE,
        "destinations": _NOT_HERE,
        "tags": TAGS,
        "service": Field(
            kind=Reference(entity="services", names={"name": NAME}), doc="Where it leads; or null."
        ),
    },
    endpoint_key="name",
    checks=(_grpc_has_neither,),
    prepare=_keep_grpc_paths,
)
