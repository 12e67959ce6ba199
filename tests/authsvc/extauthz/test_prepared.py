"""A prepared answer is what the whole way would have led to, or there is none."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.answer import answer_to
from authsvc.cache import SecondChances
from authsvc.decision import Identity
from authsvc.entities import Plugin
from authsvc.extauthz.codec import decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest
from authsvc.extauthz.prepared import Unready
from authsvc.extauthz.response_wire import encode
from authsvc.policy import KeyAuthConfig
from authsvc.store import KnownConsumer
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer
from tests.fakes.prepared_world import World, acl, book, transaction_of, watch, without_transaction

NAMES = [
    "x-moesif-transaction-id",
    "apikey",
    "api_key",
    "api-key",
    "X-Key",
    "x-key",
    "Apikey",
    "authorization",
    "cookie",
    "a",
]
VALUES = [b"good", b" good ", b"other", b"bad", b"", b"good,other", b"Bearer good", b"apikey=good"]
PATHS = ["/", "/?apikey=good", "/?a=1", "/?%61pikey=other", "/?x-key=", "*", "/?API_KEY=good"]

requests = st.builds(
    check_request,
    method=st.sampled_from(["GET", "OPTIONS", "POST", ""]),
    path=st.sampled_from(PATHS),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4),
    raw=st.booleans(),
    host=st.sampled_from(["", "example.com", "example.org"]),
    body=st.sampled_from([b"", b"", b"apikey=good"]),
    route=st.none() | st.sampled_from(["items", "orders"]),
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "key_names": st.lists(st.sampled_from(["apikey", "api_key", "X-Key"]), max_size=3).map(
            tuple
        ),
        "key_in_header": st.booleans(),
        "key_in_query": st.booleans(),
        "key_in_cookie": st.booleans(),
        "key_in_bearer": st.booleans(),
        "hide_credentials": st.booleans(),
        "run_on_preflight": st.booleans(),
        "anonymous": st.just("guest"),
        "edge_cache": st.just(2),
    },
)


# One that is read off its bytes, and one that is not.
GOOD = check_request(headers=[("apikey", b"good")], host="example.com")
UNUSUAL = check_request(headers=[("apikey", b"good")], path="/\u00e9")


@given(configs, st.sets(st.sampled_from(["acl", "watch"])), st.lists(requests, max_size=8))
def test_every_prepared_answer_is_that_of_the_whole_way(
    config: dict[str, object], names: set[str], asked: list[CheckRequest]
) -> None:
    known = {"acl": acl(allow=["admin"]), "watch": watch()}
    world = World(KeyAuthConfig(**config), tuple(known[name] for name in names))
    for request in [*asked, *asked]:
        found = world.told(request)
        if found is not None:
            assert found == without_transaction(world.whole_way(request))


def test_every_answer_has_a_transaction_id_of_its_own_wherever_it_is_told() -> None:
    world = World(plugins=(watch(),))

    answers = [world.ask(GOOD) or b"" for _ in range(3)]

    assert len({transaction_of(answer) for answer in answers}) == 3
    for answer in answers:
        assert answer.count(transaction_of(answer).encode()) == 3
        assert without_transaction(answer) == without_transaction(world.whole_way(GOOD))


def test_a_transaction_id_that_the_request_brings_is_left_to_the_whole_way() -> None:
    brought = check_request(headers=[("apikey", b"good"), ("X-Moesif-Transaction-Id", b"x")])

    assert not World(plugins=(watch(),)).ask(brought)


def test_where_tokens_say_more_of_who_is_known_nothing_is_prepared() -> None:
    assert not World(plugins=(watch(tokens=True),)).ask(GOOD)


@pytest.mark.parametrize("asked", [GOOD, UNUSUAL], ids=["usual", "unusual"])
def test_an_answer_is_prepared_once(asked: CheckRequest) -> None:
    world = World()

    first = world.ask(asked)

    assert first
    assert world.ask(asked) == first
    assert (world.prepared.find(asked.SerializeToString()) == first) == (asked is GOOD)


@pytest.mark.parametrize("plugins", [(), (watch(),)], ids=["no ids", "transaction ids"])
def test_answers_to_many_take_less_memory_than_what_they_say(plugins: tuple[Plugin, ...]) -> None:
    many = 300
    world = World(plugins=plugins, capacity=many)
    keys = [b"key-%03d" % number for number in range(many)]
    for number, key in enumerate(keys):
        owner = KnownConsumer(a_consumer(number), ())
        world.memory.identities[key] = Identity(owner, f"credential-{number:03d}")
    requests = [check_request(headers=[("apikey", key)], host="example.com") for key in keys]
    size = len(world.ask(requests[0]) or b"")

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answers = [world.ask(request) is not None for request in requests]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert all(answers)
    assert held / many < size * 0.9  # with all that holds them


@pytest.fixture
def prepared() -> World:
    world = World()
    assert world.ask(GOOD)
    return world


def test_a_revoked_key_is_not_answered_any_more(prepared: World) -> None:
    del prepared.memory.identities[b"good"]

    assert not prepared.ask(GOOD)


def test_an_expired_key_is_not_answered_any_more(prepared: World) -> None:
    identity = prepared.memory.identities[b"good"]
    prepared.memory.identities[b"good"] = replace(identity, expires_at=2000)
    assert prepared.ask(GOOD)

    prepared.now = 2000.0

    assert not prepared.ask(GOOD)


def test_a_key_that_is_switched_off_is_not_answered_any_more(prepared: World) -> None:
    identity = prepared.memory.identities[b"good"]
    prepared.memory.identities[b"good"] = replace(identity, enabled=False)

    assert not prepared.ask(GOOD)


def test_a_consumer_that_changed_is_told_as_it_is_now(prepared: World) -> None:
    identity = prepared.memory.identities[b"good"]
    renamed = KnownConsumer(a_consumer(9), ())
    prepared.memory.identities[b"good"] = replace(identity, owner=renamed)

    assert prepared.ask(GOOD) == prepared.whole_way(GOOD)
    assert renamed.consumer.id.encode() in (prepared.ask(GOOD) or b"")


def test_a_policy_that_changed_applies_at_once(prepared: World) -> None:
    prepared.authenticator.policies = book(KeyAuthConfig(), (acl(deny=["admin"]),))
    assert not prepared.ask(GOOD)

    prepared.authenticator.policies = book(KeyAuthConfig(key_names=("other-name",)))
    assert not prepared.ask(GOOD)


def test_under_another_policy_an_answer_is_prepared_anew(prepared: World) -> None:
    prepared.authenticator.policies = book(KeyAuthConfig(hide_credentials=True))
    payload = GOOD.SerializeToString()
    assert not prepared.prepared.find(payload)

    assert prepared.ask(GOOD) == prepared.whole_way(GOOD)

    assert prepared.prepared.find(payload) == prepared.whole_way(GOOD)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/?apikey=good"), ("GET", "/?a&%61pikey"), ("OPTIONS", "/")],
    ids=["a query to hide", "spelled otherwise", "a preflight"],
)
def test_what_says_more_than_its_key_does_not_get_the_answer_that_is_ready(
    method: str, path: str
) -> None:
    world = World(KeyAuthConfig(hide_credentials=True, run_on_preflight=False))
    assert world.ask(GOOD)
    more = check_request(
        method=method, path=path, headers=[("apikey", b"good")], host="example.com"
    )

    assert not world.ready(more)
    assert world.prepared.find(more.SerializeToString()) is Unready.OTHER
    assert world.ready(
        check_request(path="/?b=1", headers=[("apikey", b"good")], host="example.com")
    )


def test_a_request_that_is_governed_is_not_answered_unasked(prepared: World) -> None:
    class Rules:
        def governs(self, route: str | None, service: str | None) -> bool:
            return True

    prepared.authenticator.governance = Rules()  # type: ignore[assignment]  # enough of it

    assert not prepared.ask(GOOD)


def test_rules_that_fail_are_left_to_who_lets_the_request_pass(prepared: World) -> None:
    class Broken:
        def governs(self, route: str | None, service: str | None) -> bool:
            raise ValueError("a rule")

    prepared.authenticator.governance = Broken()  # type: ignore[assignment]  # enough of it

    assert not prepared.ask(GOOD)


def test_what_is_ready_is_not_looked_up_again(prepared: World) -> None:
    assert prepared.metrics.seen == ["hit"]

    prepared.ask(GOOD)

    assert prepared.metrics.seen == ["hit"]


def test_an_answer_under_a_policy_that_changed_meanwhile_is_not_kept(prepared: World) -> None:
    asked = decode(GOOD.SerializeToString())
    decision = prepared.authenticator.decide_now(asked)
    assert decision
    prepared.authenticator.policies = book(KeyAuthConfig(), (acl(deny=["admin"]),))
    answer = answer_to(decision, asked, prepared.authenticator)

    prepared.prepared.offer(asked, decision, answer, encode(answer))

    assert not prepared.ready(GOOD)


def test_a_key_that_is_not_in_memory_is_left_to_who_may_wait() -> None:
    assert not World().ask(check_request(headers=[("apikey", b"unheard")]))


def test_no_more_answers_are_kept_than_there_is_room_for() -> None:
    world = World()
    for number in range(10):
        request = check_request(headers=[("apikey", b"good")])
        request.attributes.request.http.host = f"host-{number}"
        assert world.ask(request) == world.whole_way(request)

    answers = world.prepared._answers
    assert isinstance(answers, SecondChances)
    assert len(answers) == 3


def test_a_name_in_capitals_counts_as_the_same_name() -> None:
    twice = check_request(headers=[("apikey", b"good"), ("APIKEY", b"bad")])

    assert not World().ask(twice)
