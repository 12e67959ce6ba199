"""What a peer can do wrong, and the code that RFC 9113 (section 7) has for it."""

from typing import Final

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB

# What GOAWAY says beside the code where the code alone does not tell what it is about.
GREETING_LATE: Final = "no greeting"
STOPPING: Final = "stopping"
TOO_MANY: Final = "too many connections"


class ConnectionFault(Exception):  # noqa: N818 - it is a fault of the peer's, not an error of ours
    """The connection cannot go on.

    Attributes:
        code: What GOAWAY says.
        reason: For our log and the peer's; never a byte of what was sent.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class CompressionError(ConnectionFault):
    """A header block that cannot be decoded: from here on the two tables differ."""

    def __init__(self, reason: str) -> None:
        super().__init__(COMPRESSION_ERROR, reason)


class StreamFault(Exception):  # noqa: N818 - it is a fault of the peer's, not an error of ours
    """One request cannot go on; the others can. ``code`` is what RST_STREAM says."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
