"""The ext_authz filter: Envoy asks authsvc about every request, and obeys.

Rules, strongest first:

1. Whatever goes wrong between Envoy and authsvc is a 503, never a pass.
2. authsvc may take off any header, since a key may be in any, and rewrite ``:path``; it cannot
   redirect a request (method, authority, scheme), change where its body ends, or speak for the
   proxies in front.
3. Bodies are not buffered: that would block streaming gRPC calls for ever.
"""

from typing import Any

from sidecar.envoy_config.clusters import AUTHSVC
from sidecar.envoy_config.extensions import typed

FILTER = "envoy.filters.http.ext_authz"
NAMESPACE = "tollkeeper"  # of route metadata

# ``host``, ``:authority``, ``:scheme``, ``:method`` and ``x-envoy-*`` are out of reach by Envoy's
# own default.  A list of what may be touched would go stale with the next key name; this cannot.
_UNTOUCHABLE = "content-length|transfer-encoding|connection|upgrade|te|x-forwarded-.+|x-request-id"


def ext_authz() -> dict[str, Any]:
    """Return the HTTP filter."""
    return {
        "name": FILTER,
        "typed_config": typed(
            "ExtAuthz",
            transport_api_version="V3",
            grpc_service={
                "envoy_grpc": {"cluster_name": AUTHSVC, "authority": "tollkeeper"},
                "timeout": "1s",
                "retry_policy": _retry_policy(),
            },
            failure_mode_allow=False,
            status_on_error={"code": 503},
            validate_mutations=True,
            encode_raw_headers=True,  # duplicates stay apart, and bytes stay as they are
            clear_route_cache=False,  # a hidden key must not lead to another route
            charge_cluster_response_stats=True,
            route_metadata_context_namespaces=[NAMESPACE],
            decoder_header_mutation_rules={"disallow_expression": {"regex": _UNTOUCHABLE}},
        ),
    }


def check_settings(context: dict[str, str]) -> dict[str, Any]:
    """Return a route's ``typed_per_filter_config``: what authsvc is told about the route."""
    settings = {"context_extensions": context}
    return {FILTER: typed("ExtAuthzPerRoute", check_settings=settings)}


def _retry_policy() -> dict[str, Any]:
    return {
        "num_retries": 2,
        "retry_on": "unavailable,connect-failure,refused-stream,reset",
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
    }
