"""Connections that we end, and not their peers: why, how that is counted, and when it is logged."""

from enum import StrEnum
from typing import Final, Protocol

import structlog

from authsvc.extauthz.fastlane import faults

_LOG_EVERY: Final = 60.0  # seconds, for each ending: whoever provokes more fills no disk
_log = structlog.get_logger(__name__)


class Ending(StrEnum):
    """Why a connection was ended: a label of a metric, so that there are few."""

    TOO_MANY = "too_many"  # there were as many as there may be
    NO_GREETING = "no_greeting"  # it did not begin with HTTP/2 in time
    IDLE = "idle"
    AGE = "age"  # of itself, not of a fault
    SPREAD = "spread"  # another process has more room
    STOPPING = "stopping"  # the server did
    UNREAD = "unread"  # its peer did not take what it was sent
    FLOOD = "flood"  # more than is allowed of something that costs us more than its peer
    PROTOCOL_ERROR = "protocol_error"
    FLOW_CONTROL_ERROR = "flow_control_error"
    FRAME_SIZE_ERROR = "frame_size_error"
    COMPRESSION_ERROR = "compression_error"
    STREAM_CLOSED = "stream_closed"
    INTERNAL_ERROR = "internal_error"


_OF_CODES: Final = {
    faults.NO_ERROR: Ending.IDLE,
    faults.PROTOCOL_ERROR: Ending.PROTOCOL_ERROR,
    faults.INTERNAL_ERROR: Ending.INTERNAL_ERROR,
    faults.FLOW_CONTROL_ERROR: Ending.FLOW_CONTROL_ERROR,
    faults.STREAM_CLOSED: Ending.STREAM_CLOSED,
    faults.FRAME_SIZE_ERROR: Ending.FRAME_SIZE_ERROR,
    faults.COMPRESSION_ERROR: Ending.COMPRESSION_ERROR,
    faults.ENHANCE_YOUR_CALM: Ending.FLOOD,
}
_OF_REASONS: Final = {
    faults.GREETING_LATE: Ending.NO_GREETING,
    faults.STOPPING: Ending.STOPPING,
    faults.TOO_MANY: Ending.TOO_MANY,
}
# Nothing is wrong with these.
_EXPECTED: Final = frozenset({Ending.IDLE, Ending.AGE, Ending.SPREAD, Ending.STOPPING})


def ending_of(code: int, reason: str) -> Ending:
    """Return what it is to be counted as that the engine ended a connection."""
    return _OF_REASONS.get(reason) or _OF_CODES[code]


class ConnectionMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def connected(self, connections: int) -> None:
        """So many connections are open now."""

    def ended(self, ending: Ending) -> None:
        """We ended a connection."""


class NullConnectionMetrics:
    """Counts nothing."""

    def connected(self, connections: int) -> None:
        """Do nothing."""

    def ended(self, ending: Ending) -> None:
        """Do nothing."""


class Endings:
    """Counts all of them, and logs some: never what a peer sent, and not one line for each."""

    def __init__(self, metrics: ConnectionMetrics) -> None:
        self._metrics = metrics
        self._logged_at: dict[Ending, float] = {}
        self._unlogged: dict[Ending, int] = {}

    def note(self, ending: Ending, reason: str, *, peer: str | None, now: float) -> None:
        """Take note of a connection that we end.

        Args:
            ending: Why.
            reason: The same in words of ours.
            peer: The address of the host at the other end, None: it is this one.
            now: In seconds of a clock that never goes back.
        """
        self._metrics.ended(ending)
        if ending in _EXPECTED:
            return
        if now - self._logged_at.get(ending, float("-inf")) < _LOG_EVERY:
            self._unlogged[ending] = self._unlogged.get(ending, 0) + 1
            return
        self._logged_at[ending] = now
        before = self._unlogged.pop(ending, 0)
        _log.warning(
            "connection ended", ending=ending.value, why=reason, peer=peer, unlogged_before=before
        )
