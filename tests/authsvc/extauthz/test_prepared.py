"""A prepared answer is what the whole way would have led to, or there is none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.annotation_rules import AnnotationRules, IdSource
from authsvc.answer import answer as answer_of
from authsvc.answer import answer_to
from authsvc.authenticator import Authenticator
from authsvc.cache import BoundedMap
from authsvc.decision import Deny, DenyReason, Identity
from authsvc.entities import Plugin
from authsvc.extauthz.codec import CodecError, decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.extauthz.prepared import PreparedAnswers, Unready
from authsvc.extauthz.response_wire import encode
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.resolver import NotInMemoryError
from authsvc.store import KnownConsumer
from tests.fakes.answers import check_now
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer

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


class Lookups(NullMetrics):
    """Counts what was looked up."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def looked_up(self, kind: str) -> None:
        self.seen.append(kind)


class Memory:
    """A resolver that knows two keys, and no store."""

    def __init__(self, metrics: Lookups) -> None:
        self.metrics = metrics
        self.identities = {
            b"good": Identity(KnownConsumer(a_consumer(1), ("admin",)), "credential-1"),
            b"other": Identity(KnownConsumer(a_consumer(2), ()), "credential-2"),
        }

    def peek(self, key: object) -> Identity | None:
        return self.identities.get(key.reveal())

    def recall(self, key: object) -> Identity | None:
        identity = self.peek(key)
        if identity is None:
            raise NotInMemoryError(key=key)
        self.metrics.looked_up("hit")
        return identity

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        return KnownConsumer(a_consumer(3), ())


class World:
    """An authenticator on that memory, and its prepared answers."""

    def __init__(
        self, config: KeyAuthConfig | None = None, plugins: tuple[Plugin, ...] = ()
    ) -> None:
        self.metrics = Lookups()
        self.memory = Memory(self.metrics)
        self.now = 1000.0
        self.authenticator = Authenticator(
            resolver=self.memory,  # type: ignore[arg-type]  # it has what is called
            policies=book(config or KeyAuthConfig(), plugins),
            clock=lambda: self.now,
        )
        self.prepared = PreparedAnswers(self.authenticator, capacity=3)

    def ready(self, request: CheckRequest) -> bytes | None:
        """Return the answer that is ready, by whichever way the request can be read."""
        payload = request.SerializeToString()
        found = self.prepared.find(payload)
        other = self.prepared.find_for(decode(payload))
        if found is not Unready.UNREAD:
            assert without_transaction(found or b"") == without_transaction(other or b"")
        return other

    def ask(self, request: CheckRequest) -> bytes | None:
        """Return the answer that is ready, or is after the request was answered once."""
        try:
            return self.ready(request) or (self.give(request) and self.ready(request))
        except CodecError:
            return None

    def give(self, request: CheckRequest) -> bool:
        """Answer the whole way; return whether that was possible."""
        asked = decode(request.SerializeToString())
        decision = self.authenticator.decide_now(asked)
        if decision is None:
            return False
        answer = answer_to(decision, asked, self.authenticator)
        self.prepared.offer(asked, decision, answer, encode(answer))
        return True

    def told(self, request: CheckRequest) -> CheckResponse | None:
        """Return the answer without what each has anew."""
        found = self.ask(request)
        return without_transaction(found) if found else None

    def whole_way(self, request: CheckRequest) -> bytes:
        decided = check_now(decode(request.SerializeToString()), self.authenticator)
        return encode(decided or answer_of(Deny(DenyReason.UNKNOWN_KEY), None))


def book(config: KeyAuthConfig, plugins: tuple[Plugin, ...] = ()) -> PolicyBook:
    return PolicyBook.bind(
        default=config, plugins=plugins, routes=(), services=(), annotation_of=wanted_by
    )


def wanted_by(plugin: Plugin) -> AnnotationRules | None:
    if plugin.name != "watch":
        return None
    return AnnotationRules(
        transaction_ids=True,
        company_id_from=(IdSource("custom_id"),),
        read_token=lambda _request, known: (None, None) if known else ("spoofed", "spoofed"),
        tokens_of_known=bool(plugin.config.get("tokens")),
    )


def watch(**config: bool) -> Plugin:
    return Plugin(id="watch-1", created_at=1, updated_at=1, name="watch", config=config)


def transaction_of(answer: bytes) -> str:
    return CheckResponse.FromString(answer).dynamic_metadata["transaction_id"]


def without_transaction(answer: bytes) -> CheckResponse:
    found = CheckResponse.FromString(answer)
    if "transaction_id" in found.dynamic_metadata:
        old = found.dynamic_metadata["transaction_id"].encode()
        found = CheckResponse.FromString(answer.replace(old, b"0" * len(old)))
    return found


def acl(**groups: list[str]) -> Plugin:
    return Plugin(id="acl-1", created_at=1, updated_at=1, name="acl", config=groups)


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
    assert world.ask(asked) is first
    assert (world.prepared.find(asked.SerializeToString()) is first) == (asked is GOOD)


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
    assert isinstance(answers, BoundedMap)
    assert len(answers) == 3


def test_a_name_in_capitals_counts_as_the_same_name() -> None:
    twice = check_request(headers=[("apikey", b"good"), ("APIKEY", b"bad")])

    assert not World().ask(twice)
