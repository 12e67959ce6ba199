"""What is counted of following Moesif's instructions, and of enforcing them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from analytics.collector import DocumentKind
from analytics.rules import RuleKind


class FetchOutcome(StrEnum):
    """What became of one question to the collector."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    INVALID = "invalid"  # what it answered makes no sense; the last good one stays in force
    REFUSED = "refused"  # the application id is not accepted
    FAILED = "failed"  # another error
    UNREACHABLE = "unreachable"  # no answer in time, or none at all


class RulingOutcome(StrEnum):
    """What governance said of a request; mostly it says nothing, which is not counted."""

    HEADERS = "headers"  # it passes, and headers are added to its answer
    BLOCKED = "blocked"


class Origin(StrEnum):
    """Where a document is from that is in force."""

    NONE = "none"  # there never was a good one
    DISK = "disk"  # it was good before the restart, and not confirmed since
    COLLECTOR = "collector"


@dataclass(frozen=True, slots=True)
class DocumentStatus:
    """How it goes with one document; times are Unix times in seconds, 0: never.

    Attributes:
        origin: Where the one in force is from.
        good_at: When the collector told it, or last confirmed it; of one from disk only is known
            when it was saved, which is when it had changed.
        failure: The last question that failed, since the start; None: none did.
        failed_at: When it did.
    """

    origin: Origin = Origin.NONE
    good_at: float = 0.0
    failure: FetchOutcome | None = None
    failed_at: float = 0.0

    def good(self, origin: Origin, at: float) -> "DocumentStatus":
        """Return the status after the one in force was told, confirmed or read."""
        return replace(self, origin=origin, good_at=at)

    def failed(self, outcome: FetchOutcome, at: float) -> "DocumentStatus":
        """Return the status after a question that failed; what is in force stays so."""
        return replace(self, failure=outcome, failed_at=at)


@dataclass(frozen=True, slots=True)
class FollowStatus:
    """What a process goes by, and how old that is.

    Attributes:
        documents: Those that the process follows.
        rules: How many rules are in force, by kind; None: this process enforces none.
        sample_rate: The rate of all in percent; None: this process samples nothing.
    """

    documents: Mapping[DocumentKind, DocumentStatus] = field(default_factory=dict)
    rules: Mapping[RuleKind, int] | None = None
    sample_rate: float | None = None


class InstructionMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        """The collector was asked for a document."""

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        """So many rules, or other parts of a new document, are not used."""

    def ruled(self, outcome: RulingOutcome) -> None:
        """Rules said something of a request."""

    def following(self, plugin: str, status: FollowStatus | None) -> None:
        """So it goes with what one plugin goes by; None: it is not followed any more."""


class NullInstructionMetrics:
    """Counts nothing."""

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        """Do nothing."""

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        """Do nothing."""

    def ruled(self, outcome: RulingOutcome) -> None:
        """Do nothing."""

    def following(self, plugin: str, status: FollowStatus | None) -> None:
        """Do nothing."""
