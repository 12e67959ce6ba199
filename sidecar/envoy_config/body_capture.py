"""The ext_proc filters that show bodies to analytics, beside the traffic: one for each route.

Rules, strongest first:

1. No request waits for it, and none fails: it only observes, analytics answers nothing, and where
   analytics is away or hangs Envoy goes on without.
2. It stands behind ext_authz and behind the filter that takes keys out of bodies: what they hide it
   does not see.  (Only the bodies of a refused request's answer come by it.)
3. On routes whose bodies the check sees, and nothing is taken out of, another one stands in front
   of ext_authz instead: what a call said that a rule blocked is not seen behind it.
4. Of headers only those are sent that say what a body is; never one that may carry a key.
5. Both are off but for the routes whose ``moesif`` plugin captures bodies.
"""

from typing import Any

from sidecar.envoy_config.clusters import BODIES
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, PlannedRoute

FILTER = "tollkeeper.bodies"
CHECKED = "tollkeeper.bodies.checked"  # in front of ext_authz

# Whose body it is.  A client may choose its request's id, but not when Envoy saw it begin.
_ATTRIBUTES = ("request.id", "request.time")
_HEADERS = ("content-type", "content-encoding", "content-length", "x-request-id")
# Analytics ends streams itself; this is for when it does not get to it.
_CLOSED_AFTER = "2s"


def is_needed(plan: EnvoyPlan) -> bool:
    """Tell whether any route of the plan needs a filter."""
    return any(_filters(plan))


def before_check(plan: EnvoyPlan) -> list[dict[str, Any]]:
    """Return what stands in front of ext_authz: nothing, or a filter that is off."""
    return [_observer(CHECKED)] if CHECKED in _filters(plan) else []


def after_check(plan: EnvoyPlan) -> list[dict[str, Any]]:
    """Return what stands behind everything that hides keys: nothing, or a filter that is off."""
    return [_observer(FILTER)] if FILTER in _filters(plan) else []


def enabled(plan: EnvoyPlan, route: PlannedRoute) -> dict[str, Any]:
    """Return the part of a route's ``typed_per_filter_config`` that turns its filter on, if any."""
    if plan.analytics is None or not route.captures.anything:
        return {}
    mode = _processing_mode(route.captures)
    return {_filter_of(route): typed("ExtProcPerRoute", overrides={"processing_mode": mode})}


def _filters(plan: EnvoyPlan) -> set[str]:
    routes = [route for route in plan.routes if plan.analytics and route.captures.anything]
    # gRPC calls have a route of their own where others show the check their bodies.
    return {_filter_of(route) for route in routes} | ({FILTER} if routes else set())


def _filter_of(route: PlannedRoute) -> str:
    return CHECKED if route.body is BodyUse.READ else FILTER


def _observer(name: str) -> dict[str, Any]:
    return {
        "name": name,
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
