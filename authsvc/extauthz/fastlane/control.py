"""The frames that are about a connection, not about a request: RFC 9113, section 6."""

from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault
from authsvc.extauthz.fastlane.frame_shapes import check_priority
from authsvc.extauthz.fastlane.lifetime import Lifetime
from authsvc.extauthz.fastlane.limits import Allowance, Limits
from authsvc.extauthz.fastlane.numbers import StreamNumbers
from authsvc.extauthz.fastlane.outbox import Outbox

_DRAIN_PING: Final = b"draining"


class Control:
    """Takes them for one connection, and counts what says nothing."""

    def __init__(
        self, *, numbers: StreamNumbers, outbox: Outbox, lifetime: Lifetime, limits: Limits
    ) -> None:
        self._numbers = numbers
        self._outbox = outbox
        self._lifetime = lifetime
        self._resets = Allowance(limits.resets)
        self._frames = Allowance(limits.control_frames)
        self._is_draining = False

    def drain(self) -> None:
        """Ask the peer to open no more requests, and refuse new ones once it must know of it.

        Section 6.8: the first GOAWAY refuses nothing; its PING comes back when the peer has it.
        """
        if not self._is_draining:
            self._is_draining = True
            self._outbox.write(
                frames.goaway(frames.MAX_STREAM_ID, faults.NO_ERROR),
                frames.frame(frames.PING, 0, 0, _DRAIN_PING),
            )

    def refuse_more(self) -> None:
        """Refuse requests that come from now on, without waiting for the peer to know of it."""
        if not self._numbers.are_refused:
            self._numbers.refused_after = self._numbers.last
            self._outbox.write(frames.goaway(self._numbers.last, faults.NO_ERROR))

    def take_settings(self, flags: int, payload: bytes) -> None:
        """Take SETTINGS, or the peer's word that it has ours.

        Raises:
            ConnectionFault: A value is not allowed, or there are too many.
        """
        self.count_frame()
        if not flags & frames.ACK:
            self._outbox.adopt(frames.read_settings(payload))
            self._outbox.write(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def take_ping(self, flags: int, payload: bytes) -> None:
        """Answer PING, or hear that the peer knows that it is to go.

        Raises:
            ConnectionFault: There are too many.
        """
        self.count_frame()
        if not flags & frames.ACK:
            self._outbox.write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif self._is_draining and payload == _DRAIN_PING:
            self.refuse_more()

    def take_priority(self, stream_id: int, payload: bytes) -> None:
        """Take PRIORITY, which says nothing any more.

        Raises:
            ConnectionFault, StreamFault: It is malformed, or there are too many.
        """
        self.count_frame()
        check_priority(payload, is_idle=stream_id > self._numbers.last)

    def count_frame(self) -> None:
        """Count a frame that says nothing.

        Raises:
            ConnectionFault: There are too many.
        """
        if not self._frames.take(self._lifetime.now):
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, _TOO_MUCH)

    def count_reset(self) -> None:
        """Count a request that was taken back, or that the peer made us reset.

        Raises:
            ConnectionFault: There are too many.
        """
        if not self._resets.take(self._lifetime.now):
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, _TOO_MUCH)


_TOO_MUCH: Final = "too much that says nothing"
