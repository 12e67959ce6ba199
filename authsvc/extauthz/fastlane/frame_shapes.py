"""What each kind of frame looks like, whatever it says: RFC 9113, section 6."""

from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault

_PRIORITY_LENGTH: Final = 5
_SETTING_LENGTH: Final = 6
# The lengths that have no choice.
_EXACT: Final = {frames.RST_STREAM: 4, frames.PING: 8, frames.WINDOW_UPDATE: 4}
_LEAST: Final = {frames.GOAWAY: 8}
_OF_THE_CONNECTION: Final = frozenset((frames.SETTINGS, frames.PING, frames.GOAWAY))
_OF_A_STREAM: Final = frozenset((frames.PRIORITY, frames.RST_STREAM))


def check_shape(kind: int, flags: int, stream_id: int, length: int) -> None:
    """Check a frame that is neither HEADERS nor DATA.

    Raises:
        ConnectionFault: No client sends it, it is on a stream and may not, or the other way round,
            or it has a length that it cannot have.
    """
    if kind == frames.PUSH_PROMISE:
        raise ConnectionFault(faults.PROTOCOL_ERROR, "a push of a client")
    if kind in (_OF_THE_CONNECTION if stream_id else _OF_A_STREAM):
        raise ConnectionFault(faults.PROTOCOL_ERROR, "a frame on a stream that it cannot be on")
    if length != _EXACT.get(kind, length) or length < _LEAST.get(kind, 0):
        raise ConnectionFault(faults.FRAME_SIZE_ERROR, "a frame of a length that it cannot have")
    if kind == frames.SETTINGS and (length % _SETTING_LENGTH or (flags & frames.ACK and length)):
        raise ConnectionFault(faults.FRAME_SIZE_ERROR, "settings of a length that is not theirs")


def check_priority(payload: bytes, *, is_idle: bool) -> None:
    """Check a PRIORITY frame, which says nothing any more.

    Raises:
        ConnectionFault, StreamFault: Its length is wrong; what is idle cannot be reset.
    """
    if len(payload) != _PRIORITY_LENGTH:
        fault = ConnectionFault if is_idle else StreamFault
        raise fault(faults.FRAME_SIZE_ERROR, "a priority of the wrong length")
