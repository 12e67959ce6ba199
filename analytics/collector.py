"""What delivery needs of a collector: a narrow port, and what its answers mean."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from analytics.application_id import ApplicationId
from analytics.metrics import PostOutcome


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go, and how long a try may take (seconds)."""

    application_id: ApplicationId
    endpoint: str  # without a trailing slash
    connect_timeout: float
    send_timeout: float  # for the whole request


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of a request. However often it is sent, it is these bytes."""

    body: bytes
    encoding: str | None  # Content-Encoding


@dataclass(frozen=True, slots=True)
class Answer:
    """What a collector answered; ``retry_after`` are the seconds that it asked to wait."""

    status: int
    retry_after: float | None = None


class Collector(Protocol):
    """Implemented by ``analytics.moesif``, and by doubles in tests."""

    async def send(self, payload: Payload, target: Target) -> Answer:
        """Send one batch, once.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
        """


class DocumentKind(StrEnum):
    """What the collector can be asked for."""

    CONFIG = "config"  # sampling and cohorts
    RULES = "rules"  # governance


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a collector answered to a question.

    Attributes:
        status: Of HTTP.
        body: All of it; empty unless the status is 200.
        tag: Changes with the configuration. Answers to batches carry it as well.
        rules_tag: Changes with the rules.
        retry_after: Seconds that it asked to wait.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    tag: str | None = None
    rules_tag: str | None = None
    retry_after: float | None = None


class DocumentSource(Protocol):
    """Implemented by ``analytics.moesif``, and by doubles in tests."""

    async def fetch(self, kind: DocumentKind, target: Target) -> Fetched:
        """Ask for a document, once.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
            DocumentError: The answer is larger than any document, or in an unknown encoding.
        """


_BY_STATUS = {
    400: PostOutcome.SPLIT,  # one event is not valid, and fails all with it
    401: PostOutcome.REFUSED,
    402: PostOutcome.REFUSED,  # the subscription is not active
    403: PostOutcome.REFUSED,
    408: PostOutcome.RETRY,
    413: PostOutcome.SPLIT,
    425: PostOutcome.RETRY,
    429: PostOutcome.RETRY,
}
_BY_CLASS = {
    2: PostOutcome.ACCEPTED,
    3: PostOutcome.REFUSED,  # redirects are not followed: the endpoint is not the collector
    4: PostOutcome.REJECTED,
    5: PostOutcome.RETRY,
}


def outcome_of(answer: Answer) -> PostOutcome:
    """Return what an answer means for the batch; an unheard-of status is one to try again."""
    default = _BY_CLASS.get(answer.status // 100, PostOutcome.RETRY)
    return _BY_STATUS.get(answer.status, default)
