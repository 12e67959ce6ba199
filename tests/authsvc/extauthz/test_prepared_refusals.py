"""A prepared refusal is what the whole way would have led to, or there is none."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.cache import BoundedMap
from authsvc.decision import Deny, DenyReason
from authsvc.extauthz.codec import CodecError, decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.extauthz.prepared import Refusal, Unready
from authsvc.policy import PREFIXED, KeyAuthConfig
from tests.fakes.check_requests import check_request
from tests.fakes.prepared_world import (
    MALFORMED,
    UNHEARD_AND_MALFORMED,
    World,
    acl,
    book,
    transaction_of,
    watch,
)

REQUEST_ID = "5f0f5f6a-7d0b-4d2c-9b7e-2d1f3c4b5a69"
MADE_UP_ID = re.compile(r"[0-9a-f]{32}")
# What is usual comes more often: what is unusual in several places is prepared nowhere.
ACCEPTS = [b"text/html", b"application/xml;q=0.5, text/plain", b"*/*", b"", b"\xff", b"a" * 200]
CONTENT_TYPES = [b"application/json", b"application/grpc", b"application/grpc+proto", b"a/b"]
IDS = [REQUEST_ID.encode(), b"1", b"0" * 36, b"", b'"<&%(host)b', b"x" * 70]
OTHERS = [("token", b"me"), ("Accept", b"text/plain"), ("X-Request-ID", b"2"), ("apikey", b"other")]
OTHERS += [("cookie", b"apikey=good"), ("authorization", b"Bearer good"), ("a", b"apikey")]
KEYS = [b"bad", b"", b"expired", b"disabled", b"", MALFORMED, b"never", b"bad,bad", b"unheard"]

headers = st.builds(
    lambda key, usual, more: [*((("apikey", key),) if key else ()), *usual.items(), *more],
    st.sampled_from(KEYS),
    st.fixed_dictionaries(
        {},
        optional={
            "accept": st.sampled_from(ACCEPTS),
            "content-type": st.sampled_from(CONTENT_TYPES),
            "x-request-id": st.sampled_from(IDS),
        },
    ),
    st.just([]) | st.lists(st.sampled_from(OTHERS), max_size=2),
)
requests = st.builds(
    check_request,
    method=st.sampled_from(["GET", "POST", "OPTIONS"]),
    path=st.sampled_from(["/", "/?a=1", "/?apikey=good", "/?%61pikey=bad", "/?apikey"]),
    body=st.just(b"") | st.sampled_from([b"", b"apikey=good"]),
    headers=headers.flatmap(st.permutations),
    raw=st.booleans(),
    host=st.sampled_from(["example.com", "%(host)b", REQUEST_ID, "0" * 300, "a,b"]),
    route=st.none() | st.sampled_from(["items", "100%", "0" * 8]),
)
# What differs from the defaults in one place, or in two.
CHANGES = [
    *({"key_names": names} for names in (("api_key", "apikey"), ("apikey", "a"), ())),
    *({name: True} for name in ("key_in_cookie", "key_in_bearer", "key_in_body")),
    *({"realm": realm} for realm in ("100%", "%(host)b", "0" * 36, "r\u00e9alm")),
    *({name: False} for name in ("key_in_query", "run_on_preflight", "key_in_header")),
    *({"hide_credentials": True}, {"anonymous": "guest"}, {"key_format": PREFIXED}),
]
configs = st.lists(st.sampled_from(CHANGES), max_size=2).map(
    lambda changes: {name: value for change in changes for name, value in change.items()}
)
PLUGINS = {"acl": acl(allow=["admin"]), "watch": watch()}


def told(reply: bytes, asked: CheckRequest) -> CheckResponse:
    """Return a refusal without the ids that are made up for each."""
    found = CheckResponse.FromString(reply)
    if "transaction_id" in found.dynamic_metadata:
        transaction_id = found.dynamic_metadata["transaction_id"]
        assert reply.count(transaction_id.encode()) == 2
        text = reply.replace(transaction_id.encode(), b"-" * len(transaction_id))
        found = CheckResponse.FromString(text)
    if not decode(asked.SerializeToString()).first("x-request-id"):
        body = found.denied_response.body
        found.denied_response.body = MADE_UP_ID.sub("-" * 32, body)
    return found


@given(
    configs, st.sets(st.sampled_from(sorted(PLUGINS))), st.lists(requests, min_size=1, max_size=4)
)
def test_every_prepared_refusal_is_that_of_the_whole_way(
    config: dict[str, object], names: set[str], asked: list[CheckRequest]
) -> None:
    world = World(KeyAuthConfig(**config), tuple(PLUGINS[name] for name in names))
    for request in [*asked, *asked]:
        try:
            found = world.refused(request)
        except CodecError:
            continue
        if found is None:
            continue
        del world.metrics.seen[:]
        assert told(found.reply, request) == told(world.whole_way(request), request)
        assert world.metrics.seen == [found.lookup] * (found.lookup is not None)
        decision = world.authenticator.decide_now(decode(request.SerializeToString()))
        assert isinstance(decision, Deny)
        assert decision.reason is found.reason


def asked_with(key: bytes, **more: bytes) -> CheckRequest:
    headers = {"apikey": key, "x-request-id": REQUEST_ID.encode()} | {
        name.replace("_", "-"): value for name, value in more.items()
    }
    return check_request(headers=headers.items(), host="example.com")


REFUSED = {
    b"bad": (DenyReason.UNKNOWN_KEY, "known_unknown"),
    b"expired": (DenyReason.EXPIRED_KEY, "hit"),
    b"disabled": (DenyReason.DISABLED_KEY, "hit"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_nobody_may_use_is_refused_with_the_same_bytes(key: bytes) -> None:
    world = World()

    found = world.refused(asked_with(key))

    assert found is not None
    assert (found.reason, found.lookup) == REFUSED[key]
    assert found.reply == world.whole_way(asked_with(key))


KEYLESS = check_request(headers=[("x-request-id", REQUEST_ID.encode())], host="example.com")
ANYWHERE_ELSE = {
    "in the query": (check_request(path="/?apikey=bad", host="a", headers=[("a", b"b")]), {}),
    "in a query that spells it otherwise": (
        check_request(path="/?%61pikey=bad", host="a", headers=[("a", b"b")]),
        {},
    ),
    "in a cookie": (check_request(host="a", headers=[("a", b"b")]), {"key_in_cookie": True}),
    "in a token": (check_request(host="a", headers=[("a", b"b")]), {"key_in_bearer": True}),
    "in a header of another name": (
        check_request(host="a", headers=[("a", b"b")]),
        {"key_names": ("apikey", "a")},
    ),
    "that is empty": (check_request(host="a", headers=[("apikey", b" ")]), {}),
}


def test_a_request_without_a_key_is_refused_with_the_same_bytes() -> None:
    world = World()

    found = world.refused(KEYLESS)

    assert found is not None
    assert (found.reason, found.lookup) == (DenyReason.MISSING_KEY, None)
    assert found.reply == world.whole_way(KEYLESS)


@pytest.mark.parametrize(("asked", "config"), ANYWHERE_ELSE.values(), ids=ANYWHERE_ELSE)
def test_where_a_key_may_be_anywhere_else_it_is_not_missing(
    asked: CheckRequest, config: dict[str, Any]
) -> None:
    world = World(KeyAuthConfig(**config))

    assert world.prepared.find(asked.SerializeToString()) is Unready.OTHER


def test_whoever_comes_without_a_key_where_that_is_allowed_waits_for_nobody() -> None:
    world = World(KeyAuthConfig(anonymous="guest"))

    assert world.prepared.find(KEYLESS.SerializeToString()) is Unready.OTHER


ASKED = {
    "json": asked_with(b"bad"),
    "html": asked_with(b"bad", accept=b"text/html"),
    "grpc": asked_with(b"bad", content_type=b"application/grpc"),
    "the id of another": asked_with(b"bad", x_request_id=b"17"),
    "without an id": asked_with(b"bad", x_request_id=b""),
    "another host": check_request(headers=[("apikey", b"bad")], host="api.example.org"),
    "joined headers": check_request(headers=[("apikey", b"bad")], raw=False, host="a"),
}


def test_one_who_asks_otherwise_is_told_otherwise() -> None:
    world = World()
    for asked in ASKED.values():
        world.refused(asked)
    for asked in ASKED.values():
        found = world.prepared.find(asked.SerializeToString())
        assert isinstance(found, Refusal)
        assert told(found.reply, asked) == told(world.whole_way(asked), asked)


def test_whatever_hosts_and_ids_are_made_up_no_more_is_prepared() -> None:
    world = World()
    assert world.refused(asked_with(b"bad"))
    formats = world.prepared._refusals._formats
    assert isinstance(formats, BoundedMap)
    assert len(formats) == 1

    for number in range(100):
        request_id = f"{REQUEST_ID[:-2]}{number:02d}".encode()
        other = asked_with(b"never-%d" % number, x_request_id=request_id)
        other.attributes.request.http.host = f"example.{number:03d}"
        found = world.prepared.find(other.SerializeToString())
        assert isinstance(found, Refusal)
        assert found.reply == world.whole_way(other)

    assert len(formats) == 1


def test_what_is_prepared_is_not_prepared_again(prepared: World) -> None:
    [before] = prepared.prepared._refusals._formats._entries.values()

    assert prepared.give(asked_with(b"bad"))

    [after] = prepared.prepared._refusals._formats._entries.values()
    assert after is before


def test_what_is_prepared_is_bounded() -> None:
    world = World()
    world.prepared._refusals._formats = BoundedMap(3)
    for size in range(1, 9):
        asked = asked_with(b"bad", x_request_id=b"1" * size)
        assert world.refused(asked)
        assert len(world.prepared._refusals._formats) <= 3


def test_an_id_that_is_as_long_as_the_host_is_not_taken_for_it() -> None:
    world = World(plugins=(watch(),))
    asked = asked_with(b"bad", x_request_id=b"0" * 36)
    asked.attributes.request.http.host = "1" * 36

    found = world.refused(asked)

    assert found is not None
    assert told(found.reply, asked) == told(world.whole_way(asked), asked)


def test_every_refusal_has_a_transaction_id_of_its_own_wherever_it_is_told() -> None:
    world = World(plugins=(watch(),))

    replies = [found.reply for _ in range(3) if (found := world.refused(asked_with(b"bad")))]

    assert len({transaction_of(reply) for reply in replies}) == 3


def test_a_key_that_exists_by_now_is_not_refused(prepared: World) -> None:
    prepared.memory.identities[b"bad"] = prepared.memory.identities[b"good"]

    assert not isinstance(prepared.prepared.find(asked_with(b"bad").SerializeToString()), Refusal)
    assert prepared.ask(asked_with(b"bad"))


def test_a_key_that_expires_is_refused_from_then_on(prepared: World) -> None:
    identity = replace(prepared.memory.identities[b"good"], expires_at=2000)
    prepared.memory.identities[b"good"] = identity
    assert prepared.ask(asked_with(b"good"))

    prepared.now = 2000

    found = prepared.refused(asked_with(b"good"))
    assert found is not None
    assert found.reason is DenyReason.EXPIRED_KEY


def test_under_another_policy_a_refusal_is_prepared_anew(prepared: World) -> None:
    prepared.authenticator.policies = book(KeyAuthConfig(realm="another"))
    assert prepared.prepared.find(asked_with(b"bad").SerializeToString()) is Unready.STRANGER

    assert not prepared.prepared._refusals._formats

    found = prepared.refused(asked_with(b"bad"))

    assert found is not None
    assert found.reply == prepared.whole_way(asked_with(b"bad"))


def test_what_looks_like_a_place_is_none() -> None:
    world = World(KeyAuthConfig(realm="100% %(host)b"))
    asked = asked_with(b"bad")
    asked.attributes.context_extensions["route"] = "100% %(host)b"

    found = world.refused(asked)

    assert found is not None
    assert found.reply == world.whole_way(asked)


@pytest.fixture
def prepared() -> World:
    world = World()
    assert world.refused(asked_with(b"bad"))
    return world


def test_while_memory_does_not_tell_whose_a_key_is_nothing_is_refused(prepared: World) -> None:
    found = prepared.prepared.find(asked_with(b"unheard").SerializeToString())

    assert found is Unready.MISSING


@pytest.mark.parametrize("key", [MALFORMED, UNHEARD_AND_MALFORMED])
def test_a_key_that_was_never_generated_is_refused_without_a_look_up(key: bytes) -> None:
    world = World(KeyAuthConfig(key_format=PREFIXED))

    found = world.refused(asked_with(key))

    assert found is not None
    assert (found.reason, found.lookup) == (DenyReason.UNKNOWN_KEY, None)
    assert found.reply == world.whole_way(asked_with(key))


def test_where_everybody_is_let_in_nobody_is_refused() -> None:
    assert not World(KeyAuthConfig(anonymous="guest")).refused(asked_with(b"bad"))


TOKENS = {
    "a token": [("Token", b"me"), ("apikey", b"bad")],
    "an empty one": [("token", b""), ("apikey", b"bad")],
    "a long one": [("apikey", b"bad"), ("token", b"me" * 100)],
}


@pytest.mark.parametrize("headers", TOKENS.values(), ids=TOKENS)
def test_a_request_with_a_token_that_may_tell_who_calls_is_left_to_the_whole_way(
    headers: list[tuple[str, bytes]],
) -> None:
    asked = check_request(headers=headers, host="example.com")

    assert not World(plugins=(watch(),)).refused(asked)
    assert World().refused(asked)


def test_where_the_key_itself_is_read_as_a_token_nothing_is_prepared() -> None:
    world = World(KeyAuthConfig(key_names=("token",)), plugins=(watch(),))

    assert not world.refused(check_request(headers=[("token", b"bad")], host="example.com"))


LEFT_TO_THE_WHOLE_WAY = {
    "a key that may be two": asked_with(b"bad,bad"),
    "an id that has to be escaped": asked_with(b"bad", x_request_id=b'"'),
    "a long list of what is accepted": asked_with(b"bad", accept=b"text/html," * 20),
    "two such lists": check_request(
        headers=[("accept", b"a/b"), ("Accept", b"text/html"), ("apikey", b"bad")], host="a"
    ),
}


@pytest.mark.parametrize("asked", LEFT_TO_THE_WHOLE_WAY.values(), ids=LEFT_TO_THE_WHOLE_WAY)
def test_some_is_left_to_the_whole_way(asked: CheckRequest) -> None:
    world = World()

    assert world.refused(asked) is None
    assert world.prepared.find(asked.SerializeToString()) is Unready.STRANGER


def test_several_hosts_are_left_to_the_whole_way(prepared: World) -> None:
    asked = asked_with(b"bad")
    asked.attributes.request.http.host = "a,example.c"

    assert prepared.prepared.find(asked.SerializeToString()) is Unready.STRANGER


def test_no_value_is_remembered(prepared: World) -> None:
    asked = asked_with(b"canary", accept=b"text/html", x_request_id=b"canary")
    asked.attributes.request.http.host = "canary"
    assert prepared.refused(asked)

    formats = prepared.prepared._refusals._formats
    assert "canary" not in repr(list(formats._entries.items()))
