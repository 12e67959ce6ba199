"""The ext_proc filter that takes a credential out of a request body.

ext_authz cannot change a body.  The filter is off but for the routes that need it, and for those
it fails closed: a body that should be changed never passes unchanged.
"""

from typing import Any

from sidecar.envoy_config.clusters import AUTHSVC
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import BodyUse, EnvoyPlan

FILTER = "envoy.filters.http.ext_proc"
# authsvc says there under which route and service it let the request through.
_VERDICT = "envoy.filters.http.ext_authz"


def is_needed(plan: EnvoyPlan) -> bool:
    """Tell whether any route of the plan needs the filter."""
    return any(route.body is BodyUse.HIDE for route in plan.routes)


def ext_proc() -> dict[str, Any]:
    """Return the HTTP filter, disabled where no route enables it."""
    return {
        "name": FILTER,
        "disabled": True,
        "typed_config": typed(
            "ExternalProcessor",
            grpc_service={
                "envoy_grpc": {"cluster_name": AUTHSVC, "authority": "tollkeeper"},
                "timeout": "1s",
            },
            failure_mode_allow=False,
            status_on_error={"code": 503},
            message_timeout="1s",
            allow_mode_override=True,  # authsvc lets bodies pass unbuffered that it would not read
            processing_mode={
                "request_header_mode": "SEND",
                "response_header_mode": "SKIP",
                # BUFFERED behind ext_authz hangs on large HTTP/1 bodies.
                "request_body_mode": "BUFFERED_PARTIAL",
                "response_body_mode": "NONE",
                "request_trailer_mode": "SKIP",
                "response_trailer_mode": "SKIP",
            },
            metadata_options={"forwarding_namespaces": {"untyped": [_VERDICT]}},
        ),
    }


def enabled() -> dict[str, Any]:
    """Return the part of a route's ``typed_per_filter_config`` that turns the filter on."""
    return {FILTER: typed("ExtProcPerRoute", overrides={})}
