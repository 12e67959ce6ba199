"""What may go wrong around the edge cache, and what nobody gets out of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from sidecar.envoy_config import edge_cache
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import EnvoyPlan
from tests.deadline import eventually
from tests.fakes.check_service import deny
from tests.fakes.edge_scene import (
    ASKED_EACH_TIME,
    ASKING,
    HIDING,
    KEY,
    EdgeScene,
    StartEdge,
    a_book,
    an_identity,
    checked_by,
)


def unnamed(plan: EnvoyPlan) -> str:
    """Write a configuration in which only authsvc is told of the routes' names."""
    made = bootstrap(plan)
    (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
    (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    for route in host["routes"]:
        del route["metadata"]
    return yaml.safe_dump(made)


def misnamed(plan: EnvoyPlan) -> str:
    """Write a configuration in which authsvc goes by other names than the filter."""
    made = bootstrap(plan)
    (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
    ext_authz = chain["filters"][0]["typed_config"]["http_filters"][1]["typed_config"]
    del ext_authz["route_metadata_context_namespaces"]
    (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    for route in host["routes"]:
        route["metadata"] = {"filter_metadata": {"tollkeeper": {"route": "same"}}}
    return yaml.safe_dump(made)


@pytest.mark.parametrize("write", [unnamed, misnamed])
async def test_without_the_names_that_authsvc_goes_by_nothing_is_kept(
    start_edge: StartEdge, write: Callable[[EnvoyPlan], str]
) -> None:
    scene = await start_edge(write=write)

    assert await scene.checks("GET /", KEY) == ASKED_EACH_TIME


LEASES = {
    "nothing": "",
    "no lease at all": "x",
    "no form": "|ttl=60&remove=",
    "no name": "names=&hidden=&preflight=1&ids=|ttl=60&remove=",
    "no time": "names=apikey&hidden=&preflight=1&ids=|ttl=&remove=",
    "a time that is none": "names=apikey&hidden=&preflight=1&ids=|ttl=x&until=y&remove=",
    "no time left": "names=apikey&hidden=&preflight=1&ids=|ttl=0&remove=",
    "a time in the past": "names=apikey&hidden=&preflight=1&ids=|ttl=60&until=1&remove=",
    "negative": "names=apikey&hidden=&preflight=1&ids=|ttl=-60&remove=",
    "three parts": "names=apikey&hidden=&preflight=1&ids=|ttl=60|ttl=60",
    "true": True,
    "a number": 60.0,
    "a list": ["names=apikey", "ttl=60"],
}


@pytest.mark.parametrize("name", LEASES)
async def test_what_is_no_lease_changes_nothing(start_edge: StartEdge, name: str) -> None:
    scene = await start_edge()
    answer = scene.gateway.checks.answer

    def other(request: CheckRequest) -> CheckResponse:
        response = answer(request)
        response.dynamic_metadata.update({"edge_cache": LEASES[name]})
        return response

    scene.gateway.checks.answer = other

    asked = [await scene.ask("GET /", KEY) for _ in range(4)]
    assert {(each.checks, each.response.status) for each in asked} == {(1, 200)}


@pytest.mark.parametrize("name", ["authority", "route", "service", "reason"])
async def test_what_was_said_of_another_request_is_not_kept(
    start_edge: StartEdge, name: str
) -> None:
    scene = await start_edge()
    answer = scene.gateway.checks.answer

    def other(request: CheckRequest) -> CheckResponse:
        response = answer(request)
        response.dynamic_metadata.update({name: "other"})
        return response

    scene.gateway.checks.answer = other

    assert await scene.checks("GET /", KEY) == ASKED_EACH_TIME


async def test_a_denial_is_never_kept_whatever_it_says(start_edge: StartEdge) -> None:
    scene = await start_edge()
    lease = dict(checked_by(scene, await_request(scene)).dynamic_metadata.items())["edge_cache"]

    def refuse(_request: CheckRequest) -> CheckResponse:
        response = deny()
        response.dynamic_metadata.update(
            {
                "result": "deny",
                "reason": "key",
                "route": "all",
                "service": "web",
                "authority": "gateway.test",
                "edge_cache": lease,
            }
        )
        return response

    scene.gateway.checks.answer = refuse

    asked = [await scene.ask("GET /", KEY) for _ in range(4)]
    assert {(each.checks, each.response.status) for each in asked} == {(1, 401)}


def await_request(scene: EdgeScene) -> CheckRequest:
    """Return what Envoy would ask of the scene's first key."""
    request = CheckRequest()
    http = request.attributes.request.http
    http.method, http.path, http.host = "GET", "/", "gateway.test"
    http.header_map.headers.add(key="apikey", raw_value=next(iter(scene.keys.known)))
    return request


async def test_a_script_that_fails_leaves_the_answer_to_authsvc(
    start_edge: StartEdge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = edge_cache._script
    monkeypatch.setattr(
        edge_cache,
        "_script",
        # It breaks on a hit, after all was done to the request but the mark.
        lambda plan: whole(plan).replace('metadata:set(OWN, "hit", true)', "removed.x.y = 1"),
    )
    scene = await start_edge()
    key = b"the-secret-key"
    scene.keys.known[key] = an_identity(3)

    asked = [await scene.ask("GET /", f"apikey: {key.decode()}") for _ in range(4)]
    refused = await scene.ask("GET /", "apikey: K3")

    assert {(each.checks, each.response.status) for each in asked} == {(1, 200)}
    assert refused.response.status == 401
    logged = (tmp_path / "envoy.log").read_bytes()
    assert b"script log" in logged
    assert key not in logged


async def test_no_key_is_in_what_is_logged(start_edge: StartEdge) -> None:
    scene = await start_edge(replace(HIDING, edge_cache=60), ids=True)
    secret = b"the-secret-key"
    scene.keys.known[secret] = an_identity(3)
    for key in (secret.decode(), "the-secret-key-that-is-wrong"):
        await scene.checks("GET /", f"apikey: {key}")
    scene.authenticator.policies = a_book(ASKING)
    await scene.checks("GET /", f"apikey: {secret.decode()}")

    log = scene.gateway.log
    await eventually(lambda: len(log.entries) == 12, "all entries")
    assert b"credential-3" in log.raw
    assert secret not in log.raw
    assert b"set.x-consumer" not in log.raw  # nor what was leased


async def test_requests_at_once_get_their_own_answers(start_edge: StartEdge) -> None:
    scene = await start_edge(ids=True)
    for number in range(20):
        scene.keys.known[b"key-%d" % number] = an_identity(number + 10)

    async def ask(number: int) -> None:
        for _ in range(6):
            asked = await scene.ask("GET /", f"apikey: key-{number}")
            assert asked.sighting is not None
            assert asked.sighting.values("x-credential-identifier") == [f"credential-{number + 10}"]

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert len(scene.gateway.checks.seen) < 6 * 20
