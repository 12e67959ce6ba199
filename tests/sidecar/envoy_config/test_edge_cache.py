"""The edge cache as the real Envoy runs it, fed by authsvc's own answers."""

import uuid
from dataclasses import replace

import pytest
from google.protobuf.json_format import MessageToDict

from authsvc.transaction_id import TRANSACTION_ID
from tests.deadline import eventually
from tests.fakes.edge_scene import (
    ASKED_EACH_TIME,
    ASKING,
    CACHED,
    HIDING,
    KEPT,
    KEY,
    Asked,
    EdgeScene,
    StartEdge,
    an_identity,
)
from tests.fakes.upstream import Sighting

VERDICT = "envoy.filters.http.ext_authz"


async def test_authsvc_is_asked_no_more_once_it_leased_its_answer(start_edge: StartEdge) -> None:
    scene = await start_edge()

    # The first answer tells what counts, the second is kept.
    assert await scene.checks("GET /", KEY) == KEPT
    assert await scene.checks("GET /elsewhere", "Apikey:  K1 ") == [0, 0, 0, 0]
    assert await scene.checks("GET /", "apikey: K2") == [1, 0, 0, 0]


async def test_by_default_authsvc_is_asked_each_time(start_edge: StartEdge) -> None:
    no_lease = await start_edge(ASKING)
    no_filter = await start_edge(edge_cache=False)

    assert await no_lease.checks("GET /", KEY) == ASKED_EACH_TIME
    assert await no_filter.checks("GET /", KEY) == ASKED_EACH_TIME


SPOOFED = (
    "X-Consumer-ID: evil",
    "x-consumer-username: evil",
    "x-consumer-username: evil again",
    "X-Consumer-Groups: evil",
    "X-Credential-Identifier: evil",
    "x-anonymous-consumer: true",
    "x_consumer_id: evil",
    "x-tollkeeper-path: /evil",
    "x-tollkeeper-route: evil",
)
REQUESTS = (
    ("GET /a?b=1",),
    ("GET /", *SPOOFED),
    ("DELETE /a", "content-type: application/grpc"),
    ("OPTIONS /", "origin: https://a.test"),
    ("GET /%2e/?x=%61&x=", "x-a: 1", "X-B: \xe9", "x-a: 2", "cookie: a=b; apikey=no"),
    (
        "GET /",
        "edge_cache: ttl=60",
        "tollkeeper.edge_cache: hit",
        "x-envoy-original-path: /evil",
        "x-envoy-auth-headers-to-remove: x-consumer-id",
    ),
)
CONFIGS = {
    "as it is": CACHED,
    "two names, hidden": replace(
        CACHED, hide_credentials=True, key_names=("apikey", "x_other"), key_in_query=False
    ),
    "a name with an underscore": replace(CACHED, key_names=("api_key",)),
}
ANEW = {
    TRANSACTION_ID,
    "transaction_id",
    "x-request-id",
    "x-sighting",
    "content-length",
    "date",
    "x-envoy-upstream-service-time",
    "ext_authz_duration",  # how long it took to ask
}


@pytest.mark.parametrize("ids", [False, True], ids=["without ids", "with ids"])
@pytest.mark.parametrize("name", CONFIGS)
async def test_an_answer_given_again_does_what_authsvcs_own_does(
    start_edge: StartEdge, name: str, ids: bool
) -> None:
    config = CONFIGS[name]
    names = {"secret_headers": config.key_names}
    cached = await start_edge(config, ids=ids, **names)
    asking = await start_edge(replace(config, edge_cache=0), ids=ids, edge_cache=False, **names)
    key = f"{config.key_names[0]}: K1"
    await cached.checks("GET /", key)
    await logged(cached)

    for lines in REQUESTS:
        given, own = await cached.ask(*lines, key), await asking.ask(*lines, key)
        assert (given.checks, own.checks) == (0, 1)
        assert given.sighting is not None
        assert own.sighting is not None
        assert "evil" not in str(given.sighting)
        assert seen(given.sighting) == seen(own.sighting)
        assert told(given) == told(own)
        assert id_of(given) is not id_of(own) if ids else id_of(given) is id_of(own) is None
        assert await logged(cached) == await logged(asking)


def seen(sighting: Sighting) -> object:
    """Return all that reached the upstream, in order, but for what each request has anew."""
    headers = [each for each in sighting.headers if each[0] not in ANEW]
    return sighting.method, sighting.target, headers, sighting.body


def told(asked: Asked) -> object:
    """Return the answer as the client had it, but for what each has anew."""
    lines = [line for line in asked.response.lines if line[0] not in ANEW]
    return asked.response.status, lines


def id_of(asked: Asked) -> uuid.UUID | None:
    """Return the transaction id, which the client and the upstream must both have."""
    assert asked.sighting is not None
    found = asked.sighting.values(TRANSACTION_ID)
    assert found == [value for name, value in asked.response.lines if name == TRANSACTION_ID]
    if not found:
        return None
    assert uuid.UUID(found[0]).version == 4
    assert str(uuid.UUID(found[0])) == found[0]
    return uuid.UUID(found[0])


async def logged(scene: EdgeScene) -> object:
    """Return what the newest entry of the access log says of authsvc's answer."""
    log = scene.gateway.log
    await eventually(lambda: log.entries, "an entry")
    entries = list(log.entries)
    log.entries.clear()
    metadata = MessageToDict(entries[-1].common_properties.metadata)["filterMetadata"]
    return {name: value for name, value in metadata[VERDICT].items() if name not in ANEW}


async def test_every_request_has_a_transaction_id_of_its_own(start_edge: StartEdge) -> None:
    scene = await start_edge(ids=True)
    await scene.checks("GET /", KEY)

    # More than what is fetched of the system's random bytes at once.
    asked = [await scene.ask("GET /", KEY) for _ in range(300)]

    assert {each.checks for each in asked} == {0}
    assert len({id_of(each) for each in asked}) == 300


async def test_an_id_that_the_client_brings_is_authsvcs_to_judge(start_edge: StartEdge) -> None:
    scene = await start_edge(ids=True)
    await scene.checks("GET /", KEY)
    own = str(uuid.uuid4())

    brought = await scene.ask("GET /", KEY, f"{TRANSACTION_ID}: {own}")
    wrong = await scene.ask("GET /", KEY, f"{TRANSACTION_ID}: evil")

    assert (brought.checks, wrong.checks) == (1, 1)
    assert str(id_of(brought)) == own
    assert id_of(wrong) is not None


class Rules:
    """Rules that are there, and say nothing."""

    def governs(self, _route: str | None, _service: str | None) -> bool:
        return True


GUESTS = replace(CACHED, anonymous="guest")
# The configuration, a request that must be asked about, and the status of its answer.
DEPENDS_ON_MORE = {
    "no key": (CACHED, ("GET /",), 401),
    "a wrong key": (CACHED, ("GET /", "apikey: K3"), 401),
    "two keys": (CACHED, ("GET /", KEY, "APIKEY: K1"), 401),
    "two spellings of the name": (
        replace(CACHED, key_names=("api_key",)),
        ("GET /", "api-key: K1", "api_key: K1"),
        401,
    ),
    "a key in the query": (CACHED, ("GET /?apikey=K1",), 200),
    "a key in a cookie": (
        replace(CACHED, key_in_cookie=True),
        ("GET /", "cookie: apikey=K1"),
        200,
    ),
    "a bearer token": (
        replace(CACHED, key_in_bearer=True),
        ("GET /", "authorization: Bearer K1"),
        200,
    ),
    "the second name's header": (
        replace(CACHED, key_names=("apikey", "own")),
        ("GET /", "own: K1"),
        200,
    ),
    "a key in a body": (replace(CACHED, key_in_body=True), ("GET /", KEY), 200),
    "cookies to be hidden": (replace(HIDING, key_in_cookie=True), ("GET /", KEY), 200),
    "bearer tokens to be hidden": (replace(HIDING, key_in_bearer=True), ("GET /", KEY), 200),
    "a query to be hidden": (HIDING, ("GET /?a=1&apikey=K1", KEY), 200),
    "a spelling in the query": (HIDING, ("GET /?%61pikey", KEY), 200),
    "a preflight": (replace(CACHED, run_on_preflight=False), ("OPTIONS /", KEY), 200),
    "nobody known": (GUESTS, ("GET /",), 200),
    "a guest with a wrong key": (GUESTS, ("GET /", "apikey: K3"), 200),
    "a name that Envoy keeps": (
        replace(HIDING, key_names=("x-forwarded-key",)),
        ("GET /", "x-forwarded-key: K1"),
        200,
    ),
}


@pytest.mark.parametrize("name", DEPENDS_ON_MORE)
async def test_what_depends_on_more_than_the_key_is_asked_about_each_time(
    start_edge: StartEdge, name: str
) -> None:
    config, lines, status = DEPENDS_ON_MORE[name]
    scene = await start_edge(config, secret_headers=config.key_names)
    await scene.checks("GET /", f"{config.key_names[0]}: K1")

    asked = [await scene.ask(*lines) for _ in range(4)]

    assert {(each.checks, each.response.status) for each in asked} == {(1, status)}


async def test_what_is_hidden_is_hidden_whoever_answers(start_edge: StartEdge) -> None:
    scene = await start_edge(HIDING)
    await scene.checks("GET /", KEY)

    given = await scene.ask("GET /?a=%61&key=apikey", KEY)
    asked = await scene.ask("GET /?a=1&%61pikey=K1&b", KEY)

    assert (given.checks, asked.checks) == (0, 1)
    assert given.sighting is not None
    assert asked.sighting is not None
    assert given.sighting.target == "/?a=%61&key=apikey"
    assert asked.sighting.target == "/?a=1&b"
    assert "K1" not in str([given.sighting, asked.sighting])


async def test_two_keys_never_pass_for_one_with_a_comma(start_edge: StartEdge) -> None:
    scene = await start_edge()
    scene.keys.known[b"K1,K2"] = an_identity(3)

    assert await scene.checks("GET /", "apikey: K1,K2") == ASKED_EACH_TIME
    two = [await scene.ask("GET /", "apikey: K1", "apikey: K2") for _ in range(3)]
    assert {each.response.status for each in two} == {401}


async def test_what_rules_may_judge_is_asked_about(start_edge: StartEdge) -> None:
    scene = await start_edge()
    scene.authenticator.governance = Rules()  # type: ignore[assignment]  # enough of it

    assert await scene.checks("GET /", KEY) == ASKED_EACH_TIME


async def test_a_key_that_is_longer_than_any_sensible_one_is_asked_about(
    start_edge: StartEdge,
) -> None:
    scene = await start_edge()
    for length in (512, 513):
        scene.keys.known[b"k" * length] = an_identity(3)

    assert await scene.checks("GET /", f"apikey: {'k' * 512}") == KEPT
    assert await scene.checks("GET /", f"apikey: {'k' * 513}") == ASKED_EACH_TIME
