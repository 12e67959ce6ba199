"""Where bodies are shown to analytics, and what of them."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.address import TcpAddress
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, PlannedRoute, Upstream

BOTH = Capture(request=True, response=True)
PLAN = EnvoyPlan(
    listen=TcpAddress("127.0.0.1", 0),
    authsvc=TcpAddress("127.0.0.1", 9191),
    analytics=TcpAddress("127.0.0.1", 9193),
    upstreams=(Upstream(name="api", address=TcpAddress("127.0.0.1", 80)),),
    routes=(
        PlannedRoute(name="seen", upstream="api", captures=BOTH, body=BodyUse.HIDE),
        PlannedRoute(name="half", upstream="api", captures=Capture(response=True)),
        PlannedRoute(name="unseen", upstream="api"),
    ),
)


class Configured:
    """What a plan's configuration says about bodies."""

    def __init__(self, plan: EnvoyPlan) -> None:
        resources = bootstrap(plan)["static_resources"]
        manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        self.filters = [each["name"] for each in manager["http_filters"]]
        self.clusters = {each["name"]: each for each in resources["clusters"]}
        routes = manager["route_config"]["virtual_hosts"][0]["routes"]
        self.modes: dict[str, set[str]] = {}
        for route in routes:
            on = route["typed_per_filter_config"].get("tollkeeper.bodies")
            self.modes.setdefault(route["name"], set()).add(_bodies(on))


def _bodies(on: dict[str, Any] | None) -> str:
    if on is None:
        return "off"
    mode = on["overrides"]["processing_mode"]
    return f"{mode['request_body_mode']} {mode['response_body_mode']}"


def test_only_routes_that_capture_are_seen_and_only_the_bodies_that_are_wanted() -> None:
    assert Configured(PLAN).modes == {
        "seen": {"STREAMED STREAMED"},
        "half": {"NONE STREAMED"},
        "unseen": {"off"},
    }


def test_the_filter_stands_behind_whatever_hides_keys() -> None:
    assert Configured(PLAN).filters[-3:] == [
        "envoy.filters.http.ext_proc",
        "tollkeeper.bodies",
        "envoy.filters.http.router",
    ]


WITHOUT = {
    "nothing to capture": replace(PLAN, routes=PLAN.routes[2:]),
    "no analytics": replace(PLAN, analytics=None),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_there_is_no_filter_and_no_cluster_where_nothing_is_captured(name: str) -> None:
    made = Configured(WITHOUT[name])
    assert "tollkeeper.bodies" not in made.filters
    assert "tollkeeper_bodies" not in made.clusters
    assert set().union(*made.modes.values()) == {"off"}


def test_bodies_cannot_take_the_place_of_the_log() -> None:
    clusters = Configured(PLAN).clusters
    log, bodies = clusters["tollkeeper_analytics"], clusters["tollkeeper_bodies"]
    limits = [each["circuit_breakers"]["thresholds"][0]["max_requests"] for each in (log, bodies)]
    assert limits[1] < limits[0]
    assert bodies["load_assignment"]["endpoints"] == log["load_assignment"]["endpoints"]
