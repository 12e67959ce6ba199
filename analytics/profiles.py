"""Makes users and companies known to the collector, whether or not they ever call.

What callers can rely on:

1. ``send`` returns when every profile was taken, or refused for good; until then it tries again,
   with growing pauses.
2. One bad profile costs that profile only.
3. A company is told once in a while only: all that is known of it is its id.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import structlog

from analytics.backoff import Backoff, Pause, pause
from analytics.breaker import Breaker
from analytics.collector import Answer, Payload, Target, outcome_of
from analytics.encoding import encode_batch, encode_event
from analytics.errors import CollectorUnreachableError
from analytics.metrics import PostOutcome

BATCH_SIZE = 100  # profiles in one request
_REMEMBERED = 10_000  # companies that were told already

_log = structlog.get_logger(__name__)


class ProfileKind(StrEnum):
    """What a profile is of."""

    USERS = "users"
    COMPANIES = "companies"


class ProfileOutcome(StrEnum):
    """What became of a profile, or of a try to tell it."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # it is sent again
    REJECTED = "rejected"  # the collector will not take it


@dataclass(frozen=True, slots=True)
class Profile:
    """One user; ``metadata`` are whatever there is to know, and never a credential."""

    user_id: str
    company_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ProfileSink(Protocol):
    """Implemented by ``analytics.moesif``, and by doubles in tests."""

    async def upsert(self, kind: ProfileKind, payload: Payload, target: Target) -> Answer:
        """Send one batch of profiles, once; those that exist are merged with what is sent.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
        """


class ProfileMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def told(self, kind: ProfileKind, outcome: ProfileOutcome, profiles: int) -> None:
        """So many profiles were taken, are sent again, or are lost."""


class ProfileSender:
    """Tells one collector, for one application id.

    Args:
        sink: Where to.
        metrics: Who counts.
        name: What to call it in logs; not the application id, which is a secret.
        backoff: How long to wait after failures.
        wait: How to wait.
    """

    def __init__(
        self,
        *,
        sink: ProfileSink,
        metrics: ProfileMetrics,
        name: str,
        backoff: Backoff | None = None,
        wait: Pause = pause,
    ) -> None:
        self._sink = sink
        self._metrics = metrics
        self._breaker = Breaker(backoff or Backoff())
        self._wait = wait
        self._never = asyncio.Event()  # nothing cuts a wait short but the end of the task
        self._log = _log.bind(plugin=name)
        self._companies: set[str] = set()

    async def send(self, profiles: Sequence[Profile], target: Target) -> None:
        """Bring profiles to the collector, companies first: users refer to them."""
        named = {each.company_id for each in profiles if each.company_id}
        if len(self._companies) > _REMEMBERED:
            self._companies.clear()
        new = sorted(named - self._companies)
        await self._bring(ProfileKind.COMPANIES, [{"company_id": each} for each in new], target)
        self._companies.update(new)
        await self._bring(ProfileKind.USERS, map(_user, profiles), target)

    async def _bring(
        self, kind: ProfileKind, documents: Iterable[Mapping[str, Any]], target: Target
    ) -> None:
        encoded = [encode_event(document) for document in documents]
        parts = list(_batches(encoded))
        while parts:
            part = parts.pop()
            outcome = await self._post(kind, part, target)
            if outcome is PostOutcome.SPLIT and len(part) > 1:
                middle = (len(part) + 1) // 2
                parts += part[middle:], part[:middle]
            elif outcome is PostOutcome.ACCEPTED:
                self._metrics.told(kind, ProfileOutcome.ACCEPTED, len(part))
            else:
                self._metrics.told(kind, ProfileOutcome.REJECTED, len(part))
                self._log.error("the collector rejects profiles", kind=kind, profiles=len(part))

    async def _post(self, kind: ProfileKind, part: list[bytes], target: Target) -> PostOutcome:
        payload = encode_batch(part, compress=False)
        while True:
            answer = None
            try:
                answer = await self._sink.upsert(kind, payload, target)
            except CollectorUnreachableError:
                outcome = PostOutcome.RETRY
            else:
                outcome = outcome_of(answer)
            if outcome not in _UNSETTLED:
                self._breaker.succeeded()
                return outcome
            self._metrics.told(kind, ProfileOutcome.RETRY, len(part))
            asked = answer.retry_after if answer else None
            await self._wait(self._breaker.failed(outcome, asked), self._never)
            self._breaker.waited()


_UNSETTLED = frozenset({PostOutcome.RETRY, PostOutcome.REFUSED})


def _user(profile: Profile) -> Mapping[str, Any]:
    known = {"user_id": profile.user_id, "company_id": profile.company_id}
    return {name: value for name, value in known.items() if value} | {"metadata": profile.metadata}


def _batches(encoded: list[bytes]) -> Iterator[list[bytes]]:
    """Yield batches, the last one first: they are taken from the end."""
    starts = range(0, len(encoded), BATCH_SIZE)
    return (encoded[start : start + BATCH_SIZE] for start in reversed(starts))
