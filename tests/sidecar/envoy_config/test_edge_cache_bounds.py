"""How long the edge cache keeps what, how much of it, and for whom."""

import time
from dataclasses import replace

import pytest

from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from sidecar.envoy_config import edge_cache
from tests.deadline import eventually
from tests.fakes.check_service import deny
from tests.fakes.edge_scene import (
    ASKED_EACH_TIME,
    CACHED,
    HIDING,
    KEPT,
    KEY,
    StartEdge,
    a_book,
    an_identity,
)


async def test_routes_hosts_and_keys_share_nothing(start_edge: StartEdge) -> None:
    scene = await start_edge()
    await scene.checks("GET /", KEY)

    assert await scene.checks("GET /other", KEY) == KEPT
    assert await scene.checks("GET /", "Host: other.test", KEY) == [1, 0, 0, 0]
    assert await scene.checks("GET /", "apikey: K1x") == ASKED_EACH_TIME
    given = await scene.ask("GET /", "Host: other.test", KEY)
    assert "authority" not in str(given.response)
    assert (await scene.ask("GET /", KEY)).checks == 0


async def test_a_route_that_denies_denies_who_is_let_through_elsewhere(
    start_edge: StartEdge,
) -> None:
    scene = await start_edge()
    await scene.checks("GET /", KEY)
    answer = scene.gateway.checks.answer

    def strict(request: CheckRequest) -> CheckResponse:
        return (
            deny(403)
            if request.attributes.context_extensions["route"] == "other"
            else (answer(request))
        )

    scene.gateway.checks.answer = strict

    assert (await scene.ask("GET /other", KEY)).response.status == 403
    assert (await scene.ask("GET /", KEY)).response.status == 200


async def test_a_revoked_key_is_refused_once_its_lease_is_over(start_edge: StartEdge) -> None:
    scene = await start_edge(replace(CACHED, edge_cache=1))
    assert await scene.checks("GET /", KEY, times=3) == [1, 1, 0]

    del scene.keys.known[b"K1"]
    revoked = time.time()
    let_through: list[float] = []

    async def is_refused() -> bool:
        began = time.time()
        asked = await scene.ask("GET /", KEY)
        let_through.extend([began] if asked.response.status == 200 else [])
        return asked.response.status == 401

    await eventually(is_refused, "the key to be refused", within=5)
    assert all(moment < revoked + 1.05 for moment in let_through)
    assert await scene.checks("GET /", KEY) == ASKED_EACH_TIME


async def test_a_lease_does_not_outlast_its_key(start_edge: StartEdge) -> None:
    scene = await start_edge()
    ends = int(time.time()) + 2
    scene.keys.known[b"K1"] = an_identity(1, expires_at=ends)
    assert await scene.checks("GET /", KEY, times=3) == [1, 1, 0]
    let_through: list[float] = []

    async def is_refused() -> bool:
        began = time.time()
        asked = await scene.ask("GET /", KEY)
        let_through.extend([began] if asked.response.status == 200 else [])
        return asked.response.status == 401

    await eventually(is_refused, "the key to end", within=6)
    assert all(moment < ends for moment in let_through)


async def test_no_lease_lasts_longer_than_envoy_lets_it(
    start_edge: StartEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_cache, "LONGEST_TTL", 1)
    scene = await start_edge(replace(CACHED, edge_cache=3_000_000_000))
    assert await scene.checks("GET /", KEY, times=3) == [1, 1, 0]

    async def is_asked_about() -> bool:
        return (await scene.ask("GET /", KEY)).checks == 1

    await eventually(is_asked_about, "the end of the lease", within=3)


async def test_another_way_to_present_a_key_counts_at_once(start_edge: StartEdge) -> None:
    scene = await start_edge()
    await scene.checks("GET /", KEY)
    await scene.checks("GET /", "apikey: K2")
    own = replace(HIDING, key_names=("own",))
    scene.authenticator.policies = a_book(own)

    assert await scene.checks("GET /", "own: K1") == KEPT
    given = await scene.ask("GET /", "own: K1")
    assert given.sighting is not None
    assert given.sighting.values("own") == []
    assert (await scene.ask("GET /", "apikey: K2")).response.status == 401


async def test_no_more_is_kept_than_there_is_room_for(
    start_edge: StartEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_cache, "MOST_ENTRIES", 8)
    scene = await start_edge()
    await scene.checks("GET /", KEY)

    for number in range(8):
        assert await scene.checks("GET /", f"Host: h{number}.test", KEY, times=2) == [1, 0]
        assert (await scene.ask("GET /", KEY)).checks == 0  # in use, so it stays

    again = [await scene.ask("GET /", f"Host: h{number}.test", KEY) for number in range(8)]
    assert sum(each.checks for each in again) >= 4


async def test_without_authsvc_what_is_not_kept_is_refused(start_edge: StartEdge) -> None:
    scene = await start_edge()
    await scene.checks("GET /", KEY)

    def fail(_request: CheckRequest) -> CheckResponse:
        raise RuntimeError("authsvc is broken")

    scene.gateway.checks.answer = fail

    assert (await scene.ask("GET /", KEY)).response.status == 200
    assert (await scene.ask("GET /", "apikey: K2")).response.status == 503
