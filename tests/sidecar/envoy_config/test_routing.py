"""Routes as the real Envoy matches and rewrites them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc

from sidecar.address import TcpAddress
from sidecar.envoy_config.plan import Path, PlannedRoute, Upstream
from tests.clients.raw_http import exchange, get
from tests.deadline import eventually
from tests.fakes.gateway import StartGateway

PREFIX, REGEX = Path(text="/foo"), Path(text=r"/v(?<n>\d+)/(a|b)", regex=True)


def route(name: str = "r", **fields: Any) -> PlannedRoute:
    return PlannedRoute(name=name, upstream="echo", **fields)


def side_by_side(cases: "Mapping[str, Rewrite | Match]") -> tuple[PlannedRoute, ...]:
    """Return the cases' routes for one Envoy: the header x-case says which one is meant."""
    return tuple(
        replace(case.route, headers={**case.route.headers, "x-case": (name,)})
        for name, case in cases.items()
    )


@dataclass(frozen=True)
class Rewrite:
    route: PlannedRoute
    sent: str
    expected: str


REWRITES = {
    "kept as it is": Rewrite(route(path=PREFIX), "/foo/x?a=/foo", "/foo/x?a=/foo"),
    "stripped": Rewrite(route(path=PREFIX, strip_path=True), "/foo/x?a=1", "/x?a=1"),
    "stripped to nothing": Rewrite(route(path=PREFIX, strip_path=True), "/foo?a", "/?a"),
    "stripped within a segment": Rewrite(route(path=PREFIX, strip_path=True), "/foobar", "/bar"),
    "stripped once": Rewrite(route(path=PREFIX, strip_path=True), "/foo/foo/x", "/foo/x"),
    "slash at the end": Rewrite(route(path=Path(text="/foo/"), strip_path=True), "/foo/x/", "/x/"),
    "expression stripped": Rewrite(route(path=REGEX, strip_path=True), "/v12/a/x", "/x"),
    "expression kept": Rewrite(route(path=REGEX), "/v12/b/x?y", "/v12/b/x?y"),
    "prefix added": Rewrite(route(path=PREFIX, path_prefix="/s"), "/foo/x", "/s/foo/x"),
    "prefix for everything": Rewrite(route(path_prefix="/s"), "/foo?a", "/s/foo?a"),
    "prefix for the root": Rewrite(route(path_prefix="/s"), "/?a", "/s?a"),
    "prefix with a backslash": Rewrite(route(path_prefix=r"/s\1"), "/foo", r"/s\1/foo"),
    "stripped and prefixed": Rewrite(
        route(path=PREFIX, strip_path=True, path_prefix="/s"), "/foo/x", "/s/x"
    ),
    "stripped to the prefix": Rewrite(
        route(path=PREFIX, strip_path=True, path_prefix="/s"), "/foo", "/s"
    ),
    "stripped to the prefix, slash": Rewrite(
        route(path=PREFIX, strip_path=True, path_prefix="/s"), "/foo/", "/s/"
    ),
    "expression stripped to the prefix": Rewrite(
        route(path=REGEX, strip_path=True, path_prefix="/s"), "/v1/a", "/s"
    ),
}


async def test_paths_are_rewritten_as_kong_does(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(routes=side_by_side(REWRITES))

    got = {
        name: (await get(gateway.port, case.sent, f"x-case: {name}")).json()["path"]
        for name, case in REWRITES.items()
    }

    assert got == {name: case.expected for name, case in REWRITES.items()}
    await eventually(lambda: len(gateway.log.entries) == len(REWRITES), "all log entries")
    originals = {entry.request.original_path or entry.request.path for entry in gateway.log.entries}
    assert originals == {case.sent for case in REWRITES.values()}


@dataclass(frozen=True)
class Match:
    route: PlannedRoute
    request: str
    headers: tuple[str, ...] = ()
    matches: bool = True


MATCHES = {
    "host": Match(route(hosts=("a.test",)), "GET / a.test"),
    "host, other case and a port": Match(route(hosts=("a.test",)), "GET / A.Test:8000"),
    "host with a port": Match(route(hosts=("a.test:80",)), "GET / a.test:80"),
    "host with another port": Match(route(hosts=("a.test:80",)), "GET / a.test:81", matches=False),
    "a dot is a dot": Match(route(hosts=("a.test",)), "GET / axtest", matches=False),
    "wildcard in front": Match(route(hosts=("*.a.test",)), "GET / x.y.a.test"),
    "wildcard needs something": Match(route(hosts=("*.a.test",)), "GET / a.test", matches=False),
    "wildcard behind": Match(route(hosts=("a.*",)), "GET / a.example.test:1"),
    "one of the hosts": Match(route(hosts=("a.test", "b.test")), "GET / b.test"),
    "method": Match(route(methods=("GET", "POST")), "POST / a.test"),
    "other method": Match(route(methods=("GET",)), "PUT / a.test", matches=False),
    "header": Match(route(headers={"X-V": ("1", "2")}), "GET / a.test", ("x-v: 2",)),
    "header missing": Match(route(headers={"X-V": ("1",)}), "GET / a.test", matches=False),
    "header's case": Match(route(headers={"X-V": ("one",)}), "GET / a.test", ("x-v: ONE",)),
    "header expression": Match(
        route(headers={"X-V": ("~*^v[0-9]",)}), "GET / a.test", ("x-v: V1b",)
    ),
    "path": Match(route(path=PREFIX), "GET /foobar?x a.test"),
    "path of other case": Match(route(path=PREFIX), "GET /Foo a.test", matches=False),
    "expression at the start": Match(route(path=REGEX), "GET /x/v1/a a.test", matches=False),
    "only grpc": Match(route(grpc_only=True), "POST / a.test", matches=False),
    "grpc": Match(route(grpc_only=True), "POST / a.test", ("content-type: application/grpc",)),
    "dots in the path": Match(route(path=PREFIX), "GET /x/../foo a.test"),
    "encoded dots": Match(route(path=PREFIX), "GET /x/%2e%2e/foo a.test"),
    "two slashes": Match(route(path=PREFIX), "GET //foo a.test"),
}


async def test_routes_match_what_they_name_and_nothing_else(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(routes=side_by_side(MATCHES))

    async def is_matched(name: str, case: Match) -> bool:
        method, target, host = case.request.split()
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}", f"x-case: {name}", *case.headers]
        lines.append("connection: close")
        answer = await exchange(gateway.port, "\r\n".join([*lines, "", ""]).encode())
        return answer.status != 404

    got = {name: await is_matched(name, case) for name, case in MATCHES.items()}

    assert got == {name: case.matches for name, case in MATCHES.items()}
    assert len(gateway.checks.seen) == sum(got.values())


async def test_the_first_route_that_matches_wins(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(routes=(route("one", path=PREFIX), route("two")))

    for target in ("/foo", "/bar"):
        await get(gateway.port, target)

    names = [seen.attributes.context_extensions["route"] for seen in gateway.checks.seen]
    assert names == ["one", "two"]


async def test_a_route_for_tls_alone_tells_others_to_use_it(start_gateway: StartGateway) -> None:
    routes = (route("safe", path=PREFIX, secure_only=True), route("all"))
    direct, behind = [await start_gateway(routes=routes, trusted_hops=hops) for hops in (0, 1)]

    spoofed, terminated, plain = [
        await get(gateway.port, "/foo", f"x-forwarded-proto: {scheme}")
        for gateway, scheme in ((direct, "https"), (behind, "https"), (behind, "http"))
    ]

    assert (terminated.status, terminated.json()["path"]) == (200, "/foo")
    for refused in (spoofed, plain):
        assert refused.status == 426
        assert refused.json() == {"message": "Please use HTTPS protocol"}
        assert refused.headers["content-type"] == "application/json; charset=utf-8"
    assert (await get(direct.port, "/bar")).status == 200
    names = {seen.attributes.context_extensions["route"] for seen in behind.checks.seen}
    assert names == {"safe"}


async def test_the_upstream_gets_the_host_of_the_route(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(routes=(route(host_header="up.test:81"),))

    assert (await get(gateway.port)).json()["headers"]["host"] == "up.test:81"


async def test_an_encoded_slash_is_kept_or_refused(start_gateway: StartGateway) -> None:
    keeping, refusing = await start_gateway(), await start_gateway(reject_escaped_slashes=True)

    assert (await get(keeping.port, "/a%2Fb")).json()["path"] == "/a%2Fb"
    assert (await get(refusing.port, "/a%2Fb")).status == 400


async def test_a_stream_in_both_directions_is_not_held_up(start_gateway: StartGateway) -> None:
    """A gRPC call whose answers depend on each other would hang if bodies were buffered."""
    server = grpc.aio.server()

    async def parrot(requests: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    handlers = {"Talk": grpc.stream_stream_rpc_method_handler(parrot)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Parrot", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    parrots = Upstream(name="parrots", address=TcpAddress("127.0.0.1", port), http2=True)
    gateway = await start_gateway(
        upstreams=(parrots,), routes=(PlannedRoute(name="r", upstream="parrots", grpc_only=True),)
    )

    async with (
        asyncio.timeout(10),
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
    ):
        call = channel.stream_stream("/Parrot/Talk")()
        heard = []
        for word in (b"one", b"two"):
            await call.write(word)
            heard.append(await call.read())
        await call.done_writing()
    await server.stop(None)

    assert heard == [b"one", b"two"]
