"""Envoy's clusters: the two services of Tollkeeper, and the upstreams.

authsvc and analytics have a cluster each, also where they share an address: a log that does not
flow must not open the circuit breaker of the checks.
"""

from typing import Any

from sidecar.address import Address, TcpAddress, UnixAddress, is_ip
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import AuthsvcTls, EnvoyPlan, Upstream
from sidecar.envoy_config.tls import authsvc_tls, upstream_tls

AUTHSVC = "tollkeeper_authsvc"
AUTHSVC_HTTP = "tollkeeper_authsvc_http"
ANALYTICS = "tollkeeper_analytics"
BODIES = "tollkeeper_bodies"

Cluster = dict[str, Any]


def clusters(plan: EnvoyPlan) -> list[Cluster]:
    """Return every cluster of the plan."""
    return [
        *([_authsvc(plan.authsvc, plan.authsvc_tls)] if plan.authsvc else []),
        *([_authsvc_http(plan.authsvc_http)] if plan.authsvc_http else []),
        *([_analytics(plan.analytics)] if plan.analytics else []),
        *([_bodies(plan.analytics)] if plan.analytics and _captures(plan) else []),
        *(_upstream(upstream, trusted_ca=plan.trusted_ca) for upstream in plan.upstreams),
    ]


def socket(address: Address) -> dict[str, Any]:
    """Return Envoy's form of an address."""
    match address:
        case UnixAddress(path=path):
            return {"pipe": {"path": path}}
        case TcpAddress(host=host, port=port):
            return {"socket_address": {"address": host, "port_value": port}}


def _authsvc(address: Address, tls: AuthsvcTls | None) -> Cluster:
    return {
        **_cluster(AUTHSVC, address, connect_timeout=0.25),
        "typed_extension_protocol_options": _http2(),
        # Envoy's default of 3 retries at once would turn a restart of authsvc into errors.
        "circuit_breakers": _breakers(requests=10_000, retries=1_000),
        # authsvc says NOT_SERVING some seconds before it stops: then no check is lost.
        "health_checks": [_health_check("envoy.service.auth.v3.Authorization", interval=2)],
        **({"transport_socket": authsvc_tls(tls)} if tls else {}),
    }


def _authsvc_http(address: Address) -> Cluster:
    return {
        **_cluster(AUTHSVC_HTTP, address, connect_timeout=0.25),
        "circuit_breakers": _breakers(requests=10_000, retries=1_000),
    }


def _analytics(address: Address) -> Cluster:
    return {
        **_cluster(ANALYTICS, address, connect_timeout=0.25),
        "typed_extension_protocol_options": _http2(),
        "circuit_breakers": _breakers(requests=20_000, retries=1_000),
        # With no healthy sink and no panic the log stream cannot start, so that entries wait in
        # Envoy's buffer; otherwise Envoy loses them and counts them as written.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        # What Envoy sends before a check tells that analytics was killed is lost.
        "health_checks": [
            _health_check("envoy.service.accesslog.v3.AccessLogService", interval=0.25)
        ],
    }


def _captures(plan: EnvoyPlan) -> bool:
    return any(route.captures.anything for route in plan.routes)


def _bodies(address: Address) -> Cluster:
    return {
        # As for the log, but for two things: bodies must not take its place, and a connection on
        # which analytics hangs is closed soon, because a full one holds up what it observes.
        **_analytics(address),
        "name": BODIES,
        "load_assignment": _cluster(BODIES, address, connect_timeout=0.25)["load_assignment"],
        "typed_extension_protocol_options": _http2(ping_every=1, ping_timeout=1),
        "circuit_breakers": _breakers(requests=1_000, retries=1),
    }


def _upstream(upstream: Upstream, *, trusted_ca: str) -> Cluster:
    cluster = _cluster(upstream.name, upstream.address, connect_timeout=upstream.connect_timeout)
    cluster["circuit_breakers"] = _breakers(requests=10_000, retries=1_000)
    if upstream.http2:
        cluster["typed_extension_protocol_options"] = _http2()
    if upstream.tls:
        cluster["transport_socket"] = upstream_tls(trusted_ca)
    return cluster


def _cluster(name: str, address: Address, *, connect_timeout: float) -> Cluster:
    endpoint = {"endpoint": {"address": socket(address)}}
    cluster = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": f"{connect_timeout:g}s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if isinstance(address, TcpAddress) and not is_ip(address.host):
        # Every address of the name takes part.  IPv4 first: Envoy's own choice, IPv6, makes
        # "localhost" fail wherever a server listens on 127.0.0.1 only.
        cluster |= {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}
    return cluster


def _breakers(*, requests: int, retries: int) -> dict[str, Any]:
    limits = {
        "max_connections": requests,
        "max_requests": requests,
        "max_pending_requests": requests,
        "max_retries": retries,
    }
    return {"thresholds": [limits]}


def _http2(*, ping_every: int = 30, ping_timeout: int = 5) -> dict[str, Any]:
    keepalive = {"interval": f"{ping_every}s", "timeout": f"{ping_timeout}s"}
    options = {"http2_protocol_options": {"connection_keepalive": keepalive}}
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "HttpProtocolOptions", explicit_http_config=options
        )
    }


def _health_check(service: str, *, interval: float) -> dict[str, Any]:
    return {
        "timeout": "1s",
        "interval": f"{interval:g}s",
        "no_traffic_interval": f"{interval:g}s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "grpc_health_check": {"service_name": service},
    }
