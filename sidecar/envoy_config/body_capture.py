"""The ext_proc filter that shows bodies to analytics, beside the traffic.

Rules, strongest first:

1. No request waits for it, and none fails: it only observes, analytics answers nothing, and where
   analytics is away or hangs Envoy goes on without.
2. It stands behind ext_authz and behind the filter that takes keys out of bodies: what they hide it
   does not see.  (Only the bodies of a refused request's answer come by it.)
3. Of headers only those are sent that say what a body is; never one that may carry a key.
4. It is off but for the routes whose ``moesif`` plugin captures bodies.
"""

from typing import Any

from sidecar.envoy_config.clusters import BODIES
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import Capture, EnvoyPlan

FILTER = "tollkeeper.bodies"

# Whose body it is.  A client may choose its request's id, but not when Envoy saw it begin.
_ATTRIBUTES = ("request.id", "request.time")
_HEADERS = ("content-type", "content-encoding", "content-length", "x-request-id")
# Analytics ends streams itself; this is for when it does not get to it.
_CLOSED_AFTER = "2s"


def is_needed(plan: EnvoyPlan) -> bool:
    """Tell whether any route of the plan needs the filter."""
    return plan.analytics is not None and any(route.captures.anything for route in plan.routes)


def observer() -> dict[str, Any]:
    """Return the HTTP filter, disabled where no route enables it."""
    return {
        "name": FILTER,
        "disabled": True,
        "typed_config": typed(
            "ExternalProcessor",
            grpc_service={"envoy_grpc": {"cluster_name": BODIES, "authority": "tollkeeper"}},
            observability_mode=True,
            failure_mode_allow=True,  # else requests fail, although nobody waits
            deferred_close_timeout=_CLOSED_AFTER,
            stat_prefix="bodies",
            processing_mode=_processing_mode(Capture(request=True, response=True)),
            request_attributes=list(_ATTRIBUTES),
            response_attributes=list(_ATTRIBUTES),  # of a refused request there is nothing else
            forward_rules={"allowed_headers": {"patterns": [{"exact": name} for name in _HEADERS]}},
        ),
    }


def enabled(capture: Capture) -> dict[str, Any]:
    """Return the part of a route's ``typed_per_filter_config`` that turns the filter on."""
    mode = _processing_mode(capture)
    return {FILTER: typed("ExtProcPerRoute", overrides={"processing_mode": mode})}


def _processing_mode(capture: Capture) -> dict[str, str]:
    return {
        # What names the request, and the end of it, is needed in any case.
        "request_header_mode": "SEND",
        "response_header_mode": "SEND",
        "request_body_mode": "STREAMED" if capture.request else "NONE",
        "response_body_mode": "STREAMED" if capture.response else "NONE",
        "request_trailer_mode": "SEND" if capture.request else "SKIP",
        "response_trailer_mode": "SEND" if capture.response else "SKIP",
    }
