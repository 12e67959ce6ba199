"""What is counted of following Moesif's instructions, and of enforcing them."""

from enum import StrEnum
from typing import Protocol

from analytics.collector import DocumentKind


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


class InstructionMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        """The collector was asked for a document."""

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        """So many rules, or other parts of a new document, are not used."""

    def ruled(self, outcome: RulingOutcome) -> None:
        """Rules said something of a request."""


class NullInstructionMetrics:
    """Counts nothing."""

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        """Do nothing."""

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        """Do nothing."""

    def ruled(self, outcome: RulingOutcome) -> None:
        """Do nothing."""
