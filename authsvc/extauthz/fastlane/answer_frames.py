"""A whole answer as frames, ready but for the stream's number and the data."""

from struct import Struct
from typing import Final

from authsvc.extauthz.fastlane import frames

_START: Final = 5  # bytes of a frame's header in front of the stream's number
_DATA: Final = frames.DATA << 8  # its type, and no flags


class AnswerFrames:
    """Answers with the same blocks around their data: HEADERS, DATA, HEADERS.

    Attributes:
        before: The block that begins them. Neither may use a dynamic table.
        after: The block that ends them.
    """

    __slots__ = ("_after", "_after_start", "_before", "_before_start", "after", "before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after
        self._before = Struct(f">{_START}sI{len(before)}sBHHI")
        self._before_start = _start(before, frames.END_HEADERS)
        self._after = Struct(f">{_START}sI{len(after)}s")
        self._after_start = _start(after, frames.END_HEADERS | frames.END_STREAM)

    def around(self, number: int, size: int) -> tuple[bytes, bytes]:
        """Return what stands before and after data that fit into a frame.

        Args:
            number: The stream's.
            size: Of the data in bytes, at most ``frames.MAX_FRAME_SIZE``.
        """
        return (
            self._before.pack(self._before_start, number, self.before, 0, size, _DATA, number),
            self._after.pack(self._after_start, number, self.after),
        )


def _start(block: bytes, flags: int) -> bytes:
    return frames.frame_header(len(block), frames.HEADERS, flags, 0)[:_START]
