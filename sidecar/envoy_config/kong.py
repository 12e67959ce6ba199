"""Turns services, routes and plugins as the Admin API lists them into upstreams and routes.

What cannot be carried over is left out and named in ``skipped``: a route that Envoy would serve
more widely than it was meant is worse than one that is missing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from authsvc.policy import KeyAuthConfig
from sidecar.address import TcpAddress
from sidecar.envoy_config.body_use import BodyUses
from sidecar.envoy_config.capture_use import CaptureUses
from sidecar.envoy_config.expressions import is_taken
from sidecar.envoy_config.plan import BodyUse, Capture, Path, PlannedRoute, Upstream
from sidecar.envoy_config.precedence import by_precedence

Row = Mapping[str, Any]

_HTTP2 = frozenset({"grpc", "grpcs"})
_TLS = frozenset({"https", "grpcs"})
_SERVED = frozenset({"http", "https", *_HTTP2})
_DEFAULT_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_CONDITIONS = ("paths", "hosts", "methods", "headers")
_UNKNOWN_CONDITIONS = ("snis", "sources", "destinations")
_KEY_AUTH = frozenset({"key-auth-enc", "key-auth"})
_MOESIF = frozenset({"moesif"})
_REGEX_PATH = "~"  # how Kong marks a path as a regular expression
_REGEX_VALUE = "~*"  # and the value of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What Envoy is to serve.

    Attributes:
        upstreams: One for each service that a route leads to.
        routes: In the order in which they are to be tried.
        key_names: Every name under which a plugin looks for a key.
        logged_headers: Headers that analytics reads: who calls, and which version of the API.
        skipped: One line for each route left out, with the reason.
    """

    upstreams: tuple[Upstream, ...]
    routes: tuple[PlannedRoute, ...]
    key_names: tuple[str, ...]
    logged_headers: tuple[str, ...]
    skipped: tuple[str, ...]


class _UnservableError(Exception):
    """A route cannot be carried over; the text says why."""


def gateway(
    *,
    services: Sequence[Row],
    routes: Sequence[Row],
    plugins: Sequence[Row],
    default: KeyAuthConfig | None = None,
) -> Gateway:
    """Return what Envoy has to know of these rows; ``default`` applies where no plugin does."""
    bodies = BodyUses(routes=routes, plugins=plugins, default=default)
    captures = CaptureUses(plugins)
    services_by_id = {service["id"]: service for service in services}
    planned: list[tuple[Row, PlannedRoute]] = []
    skipped = []
    for row in routes:
        try:
            body = bodies.of_route(row["id"])
            capture = captures.of_route(row["id"], _service_id(row))
            planned += [(row, route) for route in _planned(row, services_by_id, body, capture)]
        except _UnservableError as reason:
            skipped.append(f"route {_name(row)}: {reason}")
    used = {route.upstream for _, route in planned}
    return Gateway(
        upstreams=tuple(_upstream(s) for s in services if _upstream_name(s) in used),
        routes=by_precedence(planned),
        key_names=tuple(_configured(plugins, _KEY_AUTH, ("key_names",))),
        logged_headers=tuple(
            _configured(
                plugins, _MOESIF, ("user_id_header", "company_id_header", "api_version_header")
            )
        ),
        skipped=tuple(skipped),
    )


def with_bodies(served: Gateway) -> Gateway:
    """Return the same with bodies of requests shown to authsvc on every route, but gRPC's."""
    http2 = {upstream.name for upstream in served.upstreams if upstream.http2}
    routes = [
        replace(route, body=BodyUse.READ)
        if route.body is BodyUse.NONE and not route.grpc_only and route.upstream not in http2
        else route
        for route in served.routes
    ]
    return replace(served, routes=tuple(routes))


def _planned(
    row: Row, services: Mapping[str, Row], body: BodyUse, capture: Capture
) -> list[PlannedRoute]:
    service = _service_of(row, services)
    _check_conditions(row)
    grpc_only = _HTTP2.issuperset(row.get("protocols") or ("http",))
    return [
        PlannedRoute(
            name=_name(row),
            service=_name(service),
            upstream=_upstream_name(service),
            path=path,
            hosts=tuple(row.get("hosts") or ()),
            methods=tuple(row.get("methods") or ()),
            headers={name: tuple(values) for name, values in (row.get("headers") or {}).items()},
            grpc_only=grpc_only,
            secure_only=_TLS.issuperset(row.get("protocols") or ("http",)),
            # The path of a gRPC call is the method's name.
            strip_path=bool(row.get("strip_path", True)) and not grpc_only,
            path_prefix=(service.get("path") or "").rstrip("/"),
            host_header=None if row.get("preserve_host") else _host_header(service),
            idle_timeout=_idle_timeout(service),
            retries=service.get("retries") or 0,
            body=BodyUse.NONE if grpc_only else body,
            captures=capture,
        )
        for path in map(_path, row.get("paths") or (None,))
    ]


def _service_id(row: Row) -> str | None:
    reference = row.get("service")
    return reference["id"] if reference else None


def _service_of(row: Row, services: Mapping[str, Row]) -> Row:
    service = services.get(_service_id(row) or "")
    if service is None:
        raise _UnservableError("it has no service")
    if not service.get("enabled", True):
        raise _UnservableError("its service is disabled")
    if service["protocol"] not in _SERVED:
        raise _UnservableError(f"its service's protocol {service['protocol']} is not served")
    return service


def _check_conditions(row: Row) -> None:
    if not _SERVED.intersection(row.get("protocols") or _SERVED):
        raise _UnservableError("none of its protocols is served")
    unknown = [name for name in _UNKNOWN_CONDITIONS if row.get(name)]
    if unknown:
        raise _UnservableError(f"{', '.join(unknown)} cannot be matched")
    for values in (row.get("headers") or {}).values():
        for value in values:
            _regex(value.removeprefix(_REGEX_VALUE) if value.startswith(_REGEX_VALUE) else "")
    if not any(row.get(name) for name in _CONDITIONS):
        raise _UnservableError("it matches nothing: give it paths, hosts, methods or headers")


def _path(text: str | None) -> Path | None:
    if text is None:
        return None
    if not text.startswith(_REGEX_PATH):
        return Path(text=text)
    return Path(text=_regex(text.removeprefix(_REGEX_PATH)), regex=True)


def _regex(pattern: str) -> str:
    if not is_taken(pattern):
        raise _UnservableError(
            "it has a regular expression that Envoy does not take: its syntax is RE2's,"
            " without lookarounds and back-references"
        )
    return pattern


def _upstream(service: Row) -> Upstream:
    return Upstream(
        name=_upstream_name(service),
        address=TcpAddress(service["host"].strip("[]"), service["port"]),
        http2=service["protocol"] in _HTTP2,
        tls=service["protocol"] in _TLS,
        connect_timeout=_seconds(service.get("connect_timeout")),
    )


def _upstream_name(service: Row) -> str:
    return f"upstream_{_name(service)}"


def _host_header(service: Row) -> str:
    address = TcpAddress(service["host"].strip("[]"), service["port"])
    if address.port == _DEFAULT_PORTS[service["protocol"]]:
        return str(address).rpartition(":")[0]
    return str(address)


def _idle_timeout(service: Row) -> float:
    return max(_seconds(service.get(name)) for name in ("read_timeout", "write_timeout"))


def _seconds(milliseconds: int | None) -> float:
    return (milliseconds or 60_000) / 1000


def _name(row: Row) -> str:
    return str(row.get("name") or row["id"])


def _configured(
    plugins: Sequence[Row], names: Collection[str], fields: Sequence[str]
) -> Iterator[str]:
    """Yield what the fields of enabled plugins of these names hold, once each."""
    seen = set()
    for plugin in plugins:
        if plugin["name"] not in names or not plugin.get("enabled", True):
            continue
        for field in fields:
            value = plugin["config"].get(field) or ()
            for item in (value,) if isinstance(value, str) else value:
                if item not in seen:
                    seen.add(item)
                    yield item
