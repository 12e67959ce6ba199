"""Rows of the Admin API as Envoy's routes and upstreams."""

from typing import Any

import pytest

from sidecar.address import TcpAddress
from sidecar.envoy_config.kong import Gateway, gateway, with_bodies
from sidecar.envoy_config.plan import BodyUse, Path, PlannedRoute, Upstream


def service(**fields: Any) -> dict[str, Any]:
    return {
        "id": "s1",
        "name": "shop",
        "protocol": "http",
        "host": "shop.test",
        "port": 80,
    } | fields


def route(**fields: Any) -> dict[str, Any]:
    return {"id": "r1", "name": "orders", "service": {"id": "s1"}, "paths": ["/o"]} | fields


def convert(*routes: dict[str, Any], on: dict[str, Any] | None = None, **rest: Any) -> Gateway:
    return gateway(services=[on or service()], routes=routes, plugins=rest.get("plugins", ()))


def test_a_route_and_its_service_are_carried_over() -> None:
    made = convert(
        route(
            hosts=["a.test"],
            methods=["GET"],
            headers={"x-v": ["1"]},
            strip_path=False,
            preserve_host=True,
            protocols=["http", "https"],
        ),
        on=service(path="/v1/", retries=2, connect_timeout=1500, read_timeout=90_000),
    )

    assert made.routes == (
        PlannedRoute(
            name="orders",
            service="shop",
            upstream="upstream_shop",
            path=Path(text="/o"),
            hosts=("a.test",),
            methods=("GET",),
            headers={"x-v": ("1",)},
            path_prefix="/v1",
            idle_timeout=90.0,
            retries=2,
        ),
    )
    assert made.upstreams == (
        Upstream(name="upstream_shop", address=TcpAddress("shop.test", 80), connect_timeout=1.5),
    )
    assert made.skipped == ()


def test_what_has_no_name_goes_by_its_id() -> None:
    made = convert(route(name=None), on=service(name=None))

    assert (made.routes[0].name, made.routes[0].service) == ("r1", "s1")


def test_each_path_makes_a_route() -> None:
    made = convert(route(paths=["/a", "~/b[0-9]+"]))

    assert {planned.path for planned in made.routes} == {
        Path(text="/a"),
        Path(text="/b[0-9]+", regex=True),
    }


@pytest.mark.parametrize(
    ("on", "host"),
    [
        (service(), "shop.test"),
        (service(port=8080), "shop.test:8080"),
        (service(protocol="https", port=443), "shop.test"),
        (service(protocol="https", port=80), "shop.test:80"),
        (service(host="::1"), "[::1]"),
    ],
)
def test_the_upstream_is_asked_for_by_its_own_host(on: dict[str, Any], host: str) -> None:
    assert convert(route(), on=on).routes[0].host_header == host


@pytest.mark.parametrize(
    ("protocol", "http2", "tls"),
    [("http", False, False), ("https", False, True), ("grpc", True, False), ("grpcs", True, True)],
)
def test_the_services_protocol_says_how_it_is_spoken_to(
    protocol: str, http2: bool, tls: bool
) -> None:
    upstream = convert(route(), on=service(protocol=protocol)).upstreams[0]

    assert (upstream.http2, upstream.tls) == (http2, tls)


def test_a_grpc_route_keeps_its_path() -> None:
    planned = convert(route(protocols=["grpc"], strip_path=True)).routes[0]

    assert (planned.grpc_only, planned.strip_path) == (True, False)


@pytest.mark.parametrize(
    ("protocols", "secure_only"),
    [(["https"], True), (["grpcs"], True), (["http", "https"], False), (None, False)],
)
def test_a_route_without_http_is_for_tls_alone(
    protocols: list[str] | None, secure_only: bool
) -> None:
    assert convert(route(protocols=protocols)).routes[0].secure_only == secure_only


SKIPPED = {
    "it has no service": route(service=None),
    "it matches nothing": route(paths=None),
    "snis cannot be matched": route(snis=["a.test"]),
    "none of its protocols is served": route(protocols=["tls"]),
    "without lookarounds": route(paths=["~/a(?=b)"]),
    "a regular expression that Envoy does not take": route(headers={"x-v": ["~*("]}),
}


@pytest.mark.parametrize("reason", SKIPPED)
def test_what_cannot_be_served_as_it_is_meant_is_left_out_and_named(reason: str) -> None:
    made = convert(SKIPPED[reason])

    assert made.routes == made.upstreams == ()
    assert made.skipped[0].startswith("route orders: ")
    assert reason in made.skipped[0]


@pytest.mark.parametrize(
    ("on", "reason"),
    [(service(enabled=False), "is disabled"), (service(protocol="tcp"), "protocol tcp")],
)
def test_a_route_to_a_service_that_is_not_served_is_left_out(
    on: dict[str, Any], reason: str
) -> None:
    assert reason in convert(route(), on=on).skipped[0]


def test_names_of_headers_come_from_enabled_plugins_only() -> None:
    plugins = [
        {"name": "key-auth-enc", "config": {"key_names": ["apikey", "X-Key"]}},
        {"name": "key-auth", "config": {"key_names": ["apikey", "k"]}},
        {"name": "key-auth", "enabled": False, "config": {"key_names": ["off"]}},
        {"name": "moesif", "config": {"user_id_header": "X-User", "company_id_header": None}},
        {"name": "acl", "config": {"allow": ["g"]}},
    ]

    made = convert(route(), plugins=plugins)

    assert made.key_names == ("apikey", "X-Key", "k")
    assert made.logged_headers == ("X-User",)


def test_the_route_that_asks_for_more_comes_first() -> None:
    in_order = [
        route(id="grpc", protocols=["grpc"]),
        route(id="host, method, path", hosts=["a.test"], methods=["GET"]),
        route(id="plain host, path", hosts=["a.test"]),
        route(id="method, longer path", methods=["GET"], paths=["/longest"]),
        route(id="wildcard host, path", hosts=["*.test"]),
        route(id="regex, high priority", paths=["~/x"], regex_priority=5),
        route(id="regex, long", paths=["~/xyz"]),
        route(id="regex, short", paths=["~/x"]),
        route(id="two headers", paths=None, headers={"x-a": ["1"], "x-b": ["1"]}),
        route(id="one header", paths=None, headers={"x-a": ["1"]}),
        route(id="prefix, long", paths=["/long"]),
        route(id="prefix, old", paths=["/s"], created_at=1),
        route(id="prefix, new", paths=["/t"], created_at=2),
        route(id="root", paths=["/"]),
    ]

    made = convert(*({**row, "name": None} for row in reversed(in_order)))

    assert [planned.name for planned in made.routes] == [row["id"] for row in in_order]


def test_bodies_can_be_shown_on_every_route_but_those_of_grpc() -> None:
    hides = {"id": "p", "name": "key-auth-enc", "config": {"key_in_body": True}}
    rows = (
        route(),
        route(id="r2", name="hiding", paths=["/h"]),
        route(id="r3", name="grpc", paths=["/g"], protocols=["grpc"]),
    )
    made = convert(*rows, plugins=[hides | {"route": {"id": "r2"}}])
    shown = {each.name: each.body for each in with_bodies(made).routes}
    assert shown == {
        "orders": BodyUse.READ,
        "hiding": BodyUse.READ,
        "grpc": BodyUse.NONE,
    }
    hidden = with_bodies(
        convert(
            route(), plugins=[hides | {"config": {"key_in_body": True, "hide_credentials": True}}]
        )
    )
    assert [each.body for each in hidden.routes] == [BodyUse.HIDE]
    over_http2 = with_bodies(convert(route(), on=service(protocol="grpc")))
    assert [each.body for each in over_http2.routes] == [BodyUse.NONE]
