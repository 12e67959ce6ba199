"""What is counted about bodies; labels are these fixed outcomes only."""

from enum import StrEnum
from typing import Protocol


class BodyOutcome(StrEnum):
    """What became of a body."""

    SHOWN = "shown"  # it is in an event
    TOO_LARGE = "too_large"  # for the configuration, or for the collector
    WITHHELD = "withheld"  # it cannot be looked into, so that it cannot be masked
    CUT_OFF = "cut_off"  # its stream ended, or became too old, before it did
    NO_ROOM = "no_room"  # too much was held already
    NO_TIME = "no_time"  # opening and masking bodies would have kept the access log waiting
    REFUSED = "refused"  # its request was: what strangers say is not kept
    NO_ENTRY = "no_entry"  # no entry of the access log came for it, or nobody wants it
    AMBIGUOUS = "ambiguous"  # two requests go by the same id and time: whose it is, nobody knows
    UNREADABLE = "unreadable"  # its stream is none of Envoy's, names no request, or expects answers


class BodyMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def bodies(self, outcome: BodyOutcome, count: int) -> None:
        """So many bodies ended so."""

    def awaited_in_vain(self) -> None:
        """An entry waited for its bodies, and went without."""

    def held(self, *, size: int, streams: int) -> None:
        """So many bytes of bodies are held now, and so many of their streams are open."""


class NullBodyMetrics:
    """Counts nothing."""

    def bodies(self, outcome: BodyOutcome, count: int) -> None:
        """Do nothing."""

    def awaited_in_vain(self) -> None:
        """Do nothing."""

    def held(self, *, size: int, streams: int) -> None:
        """Do nothing."""
