"""Who is known is answered at once, however many ask with keys that nobody has."""

import asyncio
from collections.abc import Coroutine

from authsvc.extauthz.checks import Checks
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from tests.fakes.authenticator import make_authenticator
from tests.fakes.check_requests import check_request

FLOOD = 100
GOOD = check_request(headers=[("apikey", b"good")], host="example.com").SerializeToString()


def unknown(number: int) -> bytes:
    headers = [("apikey", b"made-up-%d" % number)]
    return check_request(headers=headers, host="example.com").SerializeToString()


def is_allowed(reply: bytes) -> bool:
    response = CheckResponse.FromString(reply)
    return response.HasField("ok_response") and not response.status.code


def make_checks() -> Checks:
    checks = Checks(
        authenticator=make_authenticator(KeyAuthConfig(), key="good"), metrics=NullMetrics()
    )
    assert isinstance(checks.answer(GOOD), bytes)
    return checks


async def in_time(reply: bytes | Coroutine[object, object, bytes]) -> bytes:
    return reply if isinstance(reply, bytes) else await asyncio.wait_for(reply, 10)


async def test_in_a_flood_of_unknown_keys_a_known_one_is_answered_at_once() -> None:
    checks = make_checks()

    replies = [checks.answer(unknown(number)) for number in range(FLOOD)]

    known = checks.answer(GOOD)
    assert isinstance(known, bytes)
    assert is_allowed(known)
    assert any(not isinstance(reply, bytes) for reply in replies)
    for reply in replies:
        assert not is_allowed(await in_time(reply))


async def test_a_few_unknown_keys_are_answered_at_once() -> None:
    checks = make_checks()

    reply = checks.answer(unknown(1))

    assert isinstance(reply, bytes)
    assert not is_allowed(reply)


async def test_whoever_waits_is_answered_as_if_there_were_no_flood() -> None:
    checks = make_checks()
    alone = checks.answer(unknown(1))
    assert isinstance(alone, bytes)

    flood = [checks.answer(unknown(1)) for _ in range(FLOOD)]

    assert not isinstance(flood[-1], bytes)
    assert {parts(await in_time(reply)) for reply in flood} == {parts(alone)}


def parts(reply: bytes) -> tuple[int, int, str]:
    """Return what is the same for all who ask the same; a body has an id of its own."""
    response = CheckResponse.FromString(reply)
    denied = response.denied_response
    return response.status.code, denied.status.code, str(response.dynamic_metadata)
