"""Which routes' bodies analytics gets to see."""

from typing import Any

import pytest

from sidecar.envoy_config.capture_use import CaptureUses
from sidecar.envoy_config.plan import Capture

BOTH, NONE = Capture(request=True, response=True), Capture()
ONLY_RESPONSES = {"disable_capture_request_body": True}
ONLY_REQUESTS = {"response_max_body_size_limit": 0}
NOTHING = {"disable_capture_request_body": True, "disable_capture_response_body": True}


def plugin(config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    scope = {name: fields.pop(name, None) for name in ("route", "service")}
    ids = {name: {"id": id_} if id_ else None for name, id_ in scope.items()}
    return {"name": "moesif", "config": config or {}, "enabled": True} | ids | fields


USES = {
    "no plugin": ([], NONE),
    "another plugin": ([plugin(name="acl")], NONE),
    "a disabled one": ([plugin(enabled=False)], NONE),
    "a global one": ([plugin()], BOTH),
    "one on the route": ([plugin(route="r")], BOTH),
    "one on its service": ([plugin(service="s")], BOTH),
    "one on another route": ([plugin(route="x")], NONE),
    "only responses": ([plugin(ONLY_RESPONSES)], Capture(response=True)),
    "only requests": ([plugin(ONLY_REQUESTS)], Capture(request=True)),
    "the narrower wins": ([plugin(), plugin(NOTHING, route="r")], NONE),
    "the service before all": ([plugin(NOTHING), plugin(service="s")], BOTH),
    "both before the route": ([plugin(route="r"), plugin(NOTHING, route="r", service="s")], NONE),
    "nulls are defaults": ([plugin(dict.fromkeys(NOTHING), route="r")], BOTH),
}


@pytest.mark.parametrize("name", USES)
def test_a_route_is_captured_as_the_plugin_that_applies_says(name: str) -> None:
    plugins, expected = USES[name]
    assert CaptureUses(plugins).of_route("r", "s") == expected
