import pytest

from analytics.config_fields import parse_moesif_config
from analytics.routing import KnownRoute, KnownService, Routing, ScopedConfig, Topology

CONFIG = parse_moesif_config({"application_id": "app"})
TOPOLOGY = Topology(
    routes=[
        KnownRoute("r1", "orders", "s1"),
        KnownRoute("r2", "users", None),
        KnownRoute("r3", "r1"),
    ],
    services=[KnownService("s1", "shop")],
)


def routing(*scopes: tuple[str | None, str | None]) -> Routing[str]:
    scoped = [ScopedConfig(CONFIG, route, service) for route, service in scopes]
    return Routing([(scope, scope.label) for scope in scoped], TOPOLOGY)


ALL = [("orders", "shop"), ("orders", None), (None, "shop"), (None, None)]


@pytest.mark.parametrize("first", range(4))
def test_the_most_specific_configuration_wins(first: int) -> None:
    expected = ["route orders, service shop", "route orders", "service shop", "global"]
    assert routing(*ALL[first:]).find("orders", "shop") == expected[first]


@pytest.mark.parametrize("route", ["r1", "orders"])
@pytest.mark.parametrize("service", ["s1", "shop", None])
@pytest.mark.parametrize("scope", [("r1", "s1"), ("orders", "shop"), ("r1", None), (None, "shop")])
def test_ids_and_names_are_as_good(
    route: str, service: str | None, scope: tuple[str | None, str | None]
) -> None:
    assert routing(scope).find(route, service) is not None


def test_an_id_comes_before_a_name_that_looks_like_it() -> None:
    assert routing(("r3", None)).find("r1", None) is None
    assert routing(("r3", None)).find("r3", None) == "route r3"


def test_names_that_nothing_is_known_of_are_compared_as_they_are() -> None:
    assert routing(("elsewhere", None)).find("elsewhere", None) == "route elsewhere"
    assert routing((None, None)).find("nowhere", "nothing") == "global"


@pytest.mark.parametrize(("route", "service"), [("users", "shop2"), (None, None), ("", "")])
def test_where_nothing_applies_there_is_nothing(route: str | None, service: str | None) -> None:
    assert routing(("orders", None), (None, "shop")).find(route, service) is None
