"""The ext_authz filter: Envoy asks authsvc about every request, and obeys.

Rules, strongest first:

1. Whatever goes wrong between Envoy and authsvc is a 503, never a pass.
2. authsvc may take off any header, since a key may be in any, and rewrite ``:path``; it cannot
   redirect a request (method, authority, scheme), change where its body ends, or speak for the
   proxies in front.
3. A check is left out only where the edge cache answered in authsvc's place; see ``edge_cache``.
4. Bodies are buffered only on routes whose configuration looks for a key there, or where the
   operator wants rules to see them, and never those of gRPC calls: that would block streams for
   ever.
"""

from typing import Any

from sidecar.envoy_config.clusters import AUTHSVC
from sidecar.envoy_config.edge_cache import unless_answered
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.http_authorization import asked_with, http_service
from sidecar.envoy_config.plan import EnvoyPlan

FILTER = "envoy.filters.http.ext_authz"
NAMESPACE = "tollkeeper"  # of route metadata
_TIMEOUT = "1s"
MAX_BODY = 8192  # bytes, as Kong reads by default

# ``host``, ``:authority``, ``:scheme``, ``:method`` and ``x-envoy-*`` are out of reach by Envoy's
# own default.  A list of what may be touched would go stale with the next key name; this cannot.
_UNTOUCHABLE = "content-length|transfer-encoding|connection|upgrade|te|x-forwarded-.+|x-request-id"


def ext_authz(plan: EnvoyPlan) -> dict[str, Any]:
    """Return the HTTP filter."""
    return {
        "name": FILTER,
        "typed_config": typed(
            "ExtAuthz",
            transport_api_version="V3",
            **_service(plan),
            failure_mode_allow=False,
            status_on_error={"code": 503},
            validate_mutations=True,
            encode_raw_headers=True,  # duplicates stay apart, and bytes stay as they are
            clear_route_cache=False,  # a hidden key must not lead to another route
            charge_cluster_response_stats=True,
            route_metadata_context_namespaces=[NAMESPACE],
            decoder_header_mutation_rules={"disallow_expression": {"regex": _UNTOUCHABLE}},
            **({"filter_enabled_metadata": unless_answered()} if plan.edge_cache else {}),
        ),
    }


def check_settings(plan: EnvoyPlan, context: dict[str, str], *, with_body: bool) -> dict[str, Any]:
    """Return the part of a route's ``typed_per_filter_config`` that tells authsvc about it."""
    settings: dict[str, Any] = (
        {"http_service": http_service(context)}
        if plan.authsvc_http
        else {"context_extensions": context}
    )
    if with_body:
        settings["with_request_body"] = {
            "max_request_bytes": MAX_BODY,
            "allow_partial_message": True,  # authsvc takes what did not fit for unreadable
            "pack_as_bytes": True,
        }
    return {FILTER: typed("ExtAuthzPerRoute", check_settings=settings)}


def _service(plan: EnvoyPlan) -> dict[str, Any]:
    if plan.authsvc_http:
        return {"http_service": http_service({}), "allowed_headers": asked_with(plan)}
    return {
        "grpc_service": {
            "envoy_grpc": {"cluster_name": AUTHSVC, "authority": "tollkeeper"},
            "timeout": _TIMEOUT,
            "retry_policy": _retry_policy(),
        }
    }


def _retry_policy() -> dict[str, Any]:
    # A check can be asked twice; what a worker that stops just then gives back is asked of another.
    return {
        "num_retries": 2,
        "retry_on": "unavailable,cancelled,internal,connect-failure,refused-stream,reset",
        # Envoy also takes max_interval for the time that each try gets: a shorter one would ask
        # again, and then refuse, where a look-up takes a moment. Two pauses never get that long.
        "retry_back_off": {"base_interval": "0.005s", "max_interval": _TIMEOUT},
    }
