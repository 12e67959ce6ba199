"""Who is known is answered at once, however many ask with keys that nobody has."""

import asyncio
from collections.abc import Awaitable

import pytest
from prometheus_client import CollectorRegistry

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import CredentialCache
from authsvc.decision import Identity
from authsvc.extauthz.checks import Checks
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from authsvc.policy import PREFIXED, KeyAuthConfig, PolicyBook
from authsvc.resolver import Resolver
from authsvc.store import KnownConsumer
from sidecar.auth_metrics import AuthCounters
from tests.fakes.authenticator import make_authenticator
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer
from tests.fakes.issuer import make_sealer

FLOOD = 100
LOOKUPS = "tollkeeper_cache_lookups_total"
GOOD = check_request(headers=[("apikey", b"good")], host="example.com").SerializeToString()


def unknown(number: int, *more: tuple[str, bytes]) -> bytes:
    headers = [("apikey", b"made-up-%d" % number), *more]
    return check_request(headers=headers, host="example.com").SerializeToString()


def laborious(number: int) -> bytes:
    """Return what asks for a refusal that cannot be prepared: with an id that has to be escaped."""
    return unknown(number, ("x-request-id", b'"'))


def is_allowed(reply: bytes) -> bool:
    response = CheckResponse.FromString(reply)
    return response.HasField("ok_response") and not response.status.code


def make_checks() -> Checks:
    checks = Checks(
        authenticator=make_authenticator(KeyAuthConfig(), key="good"), metrics=NullMetrics()
    )
    assert isinstance(checks.answer(GOOD), bytes)
    return checks


async def in_time(reply: bytes | Awaitable[bytes]) -> bytes:
    return reply if isinstance(reply, bytes) else await asyncio.wait_for(reply, 10)


@pytest.mark.parametrize("is_ready", [True, False])
async def test_in_a_flood_of_unknown_keys_a_known_one_is_answered_at_once(is_ready: bool) -> None:
    checks = make_checks()
    ask = unknown if is_ready else laborious

    replies = [checks.answer(ask(number)) for number in range(FLOOD)]

    known = checks.answer(GOOD)
    assert isinstance(known, bytes)
    assert is_allowed(known)
    assert any(not isinstance(reply, bytes) for reply in replies)
    for reply in replies:
        told = await in_time(reply)
        assert not is_allowed(told)
        assert parts(told) == parts(await checks.check(ask(1)))


async def test_refusals_that_are_ready_keep_no_others_waiting() -> None:
    checks = make_checks()
    flood = [checks.answer(unknown(number)) for number in range(FLOOD)]

    other = checks.answer(laborious(1))

    assert isinstance(other, bytes)
    assert not isinstance(flood[-1], bytes)
    for reply in flood:
        await in_time(reply)


async def test_a_few_of_those_are_answered_at_once() -> None:
    checks = make_checks()

    reply = checks.answer(laborious(1))

    assert isinstance(reply, bytes)
    assert not is_allowed(reply)


async def test_whoever_waits_is_answered_as_if_there_were_no_flood() -> None:
    checks = make_checks()
    alone = checks.answer(laborious(1))
    assert isinstance(alone, bytes)

    flood = [checks.answer(laborious(1)) for _ in range(FLOOD)]

    assert not isinstance(flood[-1], bytes)
    assert {parts(await in_time(reply)) for reply in flood} == {parts(alone)}


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """Return the counts of checks and look-ups that are not zero."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.value and sample.name in {"tollkeeper_check_total", LOOKUPS}
    }


@pytest.mark.parametrize("key", [b"good", b"made-up", b"tk_live_1"])
def test_an_answer_counts_the_same_whether_it_was_ready_or_not(key: bytes) -> None:
    config = KeyAuthConfig(key_format=PREFIXED)
    asked = check_request(headers=[("apikey", key)], host="example.com").SerializeToString()
    registries = [CollectorRegistry(), CollectorRegistry()]
    for registry, times in zip(registries, (1, 4), strict=True):
        metrics = AuthCounters(registry)
        checks = Checks(authenticator=counting_authenticator(config, metrics), metrics=metrics)
        for _ in range(times):
            assert isinstance(checks.answer(asked), bytes)
        metrics.flush()
    once, often = map(counted, registries)

    assert once
    assert often == {name: 4 * count for name, count in once.items()}


def counting_authenticator(config: KeyAuthConfig, metrics: AuthCounters) -> Authenticator:
    """Return an authenticator on a resolver that knows one key, and that there is no other."""
    sealer = make_sealer()
    cache = CredentialCache()
    owner = KnownConsumer(a_consumer(1), ())
    cache.remember(sealer.digest(ApiKey(b"good")), Identity(owner, "credential-1"))
    for key in (b"made-up", b"tk_live_1"):
        cache.remember_unknown(sealer.digest(ApiKey(key)))
    directory = MemoryDatabase(clock=lambda: 0.0).directory
    resolver = Resolver(directory=directory, sealer=sealer, metrics=metrics, cache=cache)
    resolver.freshness = Always()
    policies = PolicyBook.bind(default=config, plugins=(), routes=(), services=())
    return Authenticator(resolver=resolver, policies=policies)


class Always:
    is_fresh = True


def parts(reply: bytes) -> tuple[int, int, str]:
    """Return what is the same for all who ask the same; a body has an id of its own."""
    response = CheckResponse.FromString(reply)
    denied = response.denied_response
    return response.status.code, denied.status.code, str(response.dynamic_metadata)
