"""The numbers of a connection's streams: which are to come, and which have been: section 5.1."""

from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault

_REMEMBERED: Final = 1024  # streams that we reset, and numbers that were left out


class StreamNumbers:
    """What is known of streams that are not open.

    Attributes:
        last: The highest number that was used; 0: none yet.
        refused_after: Higher ones are refused, as GOAWAY said.
    """

    __slots__ = ("_reset", "_skipped", "last", "refused_after")

    def __init__(self) -> None:
        self.last = 0
        self.refused_after = frames.MAX_STREAM_ID
        self._skipped: dict[int, None] = {}  # numbers that were left out, some of them
        self._reset: dict[int, None] = {}  # streams that we reset: more may be on its way

    @property
    def are_refused(self) -> bool:
        """Whether new ones are refused."""
        return self.refused_after < frames.MAX_STREAM_ID

    def is_new(self, number: int) -> bool:
        """Tell whether a number, an odd one, opens a stream."""
        return self.last < number <= self.refused_after

    def use(self, number: int) -> None:
        """Take a number that is higher than all before."""
        if number != self.last + 2:
            first = self.last + 2 if self.last else 1
            room = _REMEMBERED - len(self._skipped)
            for skipped in range(first, min(number, first + 2 * room), 2):
                self._skipped[skipped] = None
        self.last = number

    def remember_reset(self, number: int) -> None:
        """Let pass what is on its way to a stream that we reset."""
        if len(self._reset) >= _REMEMBERED:
            del self._reset[next(iter(self._reset))]
        self._reset[number] = None

    def refuse_idle(self, number: int) -> None:
        """Check that a frame is for a stream that was opened.

        Raises:
            ConnectionFault: It is not.
        """
        if number % 2 == 0 or self.last < number <= self.refused_after:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a frame of no request")

    def refuse_late(self, number: int) -> None:
        """Check that a frame for a stream that is no longer open may have been on its way.

        Raises:
            ConnectionFault: It may not.
        """
        if number in self._reset:
            return
        if number in self._skipped:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a number that was left out before")
        raise ConnectionFault(faults.STREAM_CLOSED, "a frame of a request that has ended")
