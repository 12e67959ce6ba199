"""What analytics counts, and the reasons that it counts by.

Labels are these fixed reasons, and the scopes of plugins: never an application id, nor a consumer.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class SkipReason(StrEnum):
    """Why an entry of the access log is rightly not an event."""

    UNFINISHED = "unfinished"  # its request goes on; another entry follows
    NO_REQUEST = "no_request"  # the connection never sent one
    NOT_CONFIGURED = "not_configured"  # no moesif plugin applies to it
    SKIP_RULE = "skip_rule"  # one of the plugin's ``skip`` rules does
    # Left out by sampling: the rate that decided was that of
    SAMPLED_USER = "sampled_user"  # the user
    SAMPLED_COMPANY = "sampled_company"  # the company
    SAMPLED_REGEX = "sampled_regex"  # calls like this one
    SAMPLED_GLOBAL = "sampled_global"  # all


class DropReason(StrEnum):
    """Why an event, or an entry that should have become one, was lost."""

    MALFORMED = "malformed"  # it could not be read
    INTERNAL_ERROR = "internal_error"  # a fault of this program
    NOT_YET_CONFIGURED = "not_yet_configured"  # too many came before the first configuration
    QUEUE_FULL = "queue_full"  # the collector is away or too slow: the oldest went
    SPOOL_FULL = "spool_full"  # likewise, and the disk has no more room for what waits
    EXPIRED = "expired"  # it waited for longer than it may
    DAMAGED = "damaged"  # it could not be read back from disk as it was
    REJECTED = "rejected"  # the collector will not take this event, alone or as part of a batch
    TOO_LARGE = "too_large"  # the collector will not take an event of this size
    SHUTDOWN = "shutdown"  # it could not be sent in the time that stopping may take
    REMOVED = "removed"  # its application id is no longer configured


class PostOutcome(StrEnum):
    """How one request to the collector ended."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # busy, failing, or not reached: the same batch is sent again
    REFUSED = "refused"  # the application id is not accepted, for now: asked again now and then
    SPLIT = "split"  # the batch is too large, or has something in it that is not accepted
    REJECTED = "rejected"  # the batch is dropped


class SpoolFault(StrEnum):
    """What could not be done with the disk."""

    OPEN = "open"
    BUSY = "busy"  # another process has the spool
    WRITE = "write"
    READ = "read"
    SYNC = "sync"
    DEAD_LETTER = "dead_letter"


class BreakerState(StrEnum):
    """Whether requests to the collector are let through."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"  # one is, to see how it goes
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How the delivery of one application id's events goes.

    Attributes:
        events: So many wait, those under way included.
        size: Bytes of memory that they take.
        spool_size: Bytes of disk that they take, and what was delivered and is not removed yet.
        spool_segments: The files that these are in.
        oldest_age: Seconds since the oldest of them came; 0 if none waits.
        breaker: Whether requests to the collector are let through.
    """

    events: int
    size: int
    spool_size: int
    spool_segments: int
    oldest_age: float
    breaker: BreakerState


class AnalyticsMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def received(self, entries: int) -> None:
        """So many entries came from Envoy."""

    def skipped(self, reason: SkipReason, entries: int) -> None:
        """So many entries are no events."""

    def dropped(self, reason: DropReason, events: int) -> None:
        """So many events are lost."""

    def sent(self, events: int) -> None:
        """So many events were taken by the collector."""

    def retried(self, events: int) -> None:
        """A batch of so many events is sent once more."""

    def posted(self, outcome: PostOutcome, seconds: float) -> None:
        """A request to the collector ended after this time."""

    def batched(self, events: int) -> None:
        """A batch of so many events was made."""

    def dead_lettered(self, events: int) -> None:
        """So many events, which are lost to the collector, are in a file."""

    def spool_failed(self, fault: SpoolFault) -> None:
        """Something could not be done with the disk."""

    def delivery(self, plugin: str, status: DeliveryStatus | None) -> None:
        """How a delivery goes now, by the scope of its plugin; None: there is none any more."""

    def waiting(self, *, events: int, size: int) -> None:
        """So many events, of so many bytes, now wait for delivery; those under way included."""

    def streams(self, count: int) -> None:
        """So many access log streams are open now."""


class NullMetrics:
    """Counts nothing."""

    def received(self, entries: int) -> None:
        """Do nothing."""

    def skipped(self, reason: SkipReason, entries: int) -> None:
        """Do nothing."""

    def dropped(self, reason: DropReason, events: int) -> None:
        """Do nothing."""

    def sent(self, events: int) -> None:
        """Do nothing."""

    def retried(self, events: int) -> None:
        """Do nothing."""

    def posted(self, outcome: PostOutcome, seconds: float) -> None:
        """Do nothing."""

    def batched(self, events: int) -> None:
        """Do nothing."""

    def dead_lettered(self, events: int) -> None:
        """Do nothing."""

    def spool_failed(self, fault: SpoolFault) -> None:
        """Do nothing."""

    def delivery(self, plugin: str, status: DeliveryStatus | None) -> None:
        """Do nothing."""

    def waiting(self, *, events: int, size: int) -> None:
        """Do nothing."""

    def streams(self, count: int) -> None:
        """Do nothing."""
