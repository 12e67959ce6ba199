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
        PlannedRoute(name="checked", upstream="api", captures=BOTH, body=BodyUse.READ),
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
            kind = "grpc " if "grpc" in route["match"] else ""
            seen = self.modes.setdefault(route["name"], set())
            seen.add(kind + _bodies(route["typed_per_filter_config"]))


def _bodies(filters: dict[str, Any]) -> str:
    on = [name for name in filters if name.startswith("tollkeeper.bodies")]
    if not on:
        return "off"
    (name,) = on
    mode = filters[name]["overrides"]["processing_mode"]
    return f"{name}: {mode['request_body_mode']} {mode['response_body_mode']}"


def test_only_routes_that_capture_are_seen_and_only_the_bodies_that_are_wanted() -> None:
    assert Configured(PLAN).modes == {
        "seen": {
            "grpc tollkeeper.bodies: STREAMED STREAMED",
            "tollkeeper.bodies: STREAMED STREAMED",
        },
        "half": {"tollkeeper.bodies: NONE STREAMED"},
        "checked": {
            "grpc tollkeeper.bodies: STREAMED STREAMED",
            "tollkeeper.bodies.checked: STREAMED STREAMED",
        },
        "unseen": {"off"},
    }


def test_one_stands_behind_whatever_hides_keys_and_one_in_front_of_the_check() -> None:
    assert Configured(PLAN).filters == [
        "tollkeeper.bodies.checked",
        "envoy.filters.http.ext_authz",
        "envoy.filters.http.ext_proc",
        "tollkeeper.bodies",
        "envoy.filters.http.router",
    ]


def test_where_the_check_sees_no_bodies_there_is_none_in_front_of_it() -> None:
    filters = Configured(replace(PLAN, routes=PLAN.routes[:2])).filters
    assert "tollkeeper.bodies" in filters
    assert "tollkeeper.bodies.checked" not in filters


WITHOUT = {
    "nothing to capture": replace(PLAN, routes=PLAN.routes[-1:]),
    "no analytics": replace(PLAN, analytics=None),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_there_is_no_filter_and_no_cluster_where_nothing_is_captured(name: str) -> None:
    made = Configured(WITHOUT[name])
    assert not [name for name in made.filters if name.startswith("tollkeeper.bodies")]
    assert "tollkeeper_bodies" not in made.clusters
    assert {mode.removeprefix("grpc ") for each in made.modes.values() for mode in each} == {"off"}


def test_bodies_cannot_take_the_place_of_the_log() -> None:
    clusters = Configured(PLAN).clusters
    log, bodies = clusters["tollkeeper_analytics"], clusters["tollkeeper_bodies"]
    limits = [each["circuit_breakers"]["thresholds"][0]["max_requests"] for each in (log, bodies)]
    assert limits[1] < limits[0]
    assert bodies["load_assignment"]["endpoints"] == log["load_assignment"]["endpoints"]
