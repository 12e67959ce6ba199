"""A whole answer as frames, ready but for the stream's number and the data."""

from typing import Final

from authsvc.extauthz.fastlane import frames

_START: Final = 5  # bytes of a frame's header in front of the stream's number
_NUMBER: Final = 4  # bytes of that
_AFTER_LENGTH: Final = 16  # bits of type and flags behind a frame's length: none for DATA


class AnswerFrames:
    """Answers of one message with the same blocks around it: HEADERS, DATA, HEADERS.

    Attributes:
        before: The block that begins them. Neither may use a dynamic table.
        after: The block that ends them.
        prefix_size: How many bytes in front of the message say how long it is.
    """

    __slots__ = ("_after_start", "_before_start", "after", "before", "prefix_size")

    def __init__(self, before: bytes, after: bytes, *, prefix_size: int = 0) -> None:
        self.before = before
        self.after = after
        self.prefix_size = prefix_size
        self._before_start = _start(before, frames.END_HEADERS)
        self._after_start = _start(after, frames.END_HEADERS | frames.END_STREAM)

    def around(self, number: int, message: bytes) -> bytes:
        """Return the frames of an answer.

        Args:
            number: The stream's.
            message: At most ``frames.MAX_FRAME_SIZE`` bytes with its prefix.
        """
        stream = number.to_bytes(_NUMBER, "big")
        size = self.prefix_size + len(message)
        return b"".join(
            (
                self._before_start,
                stream,
                self.before,
                (size << _AFTER_LENGTH).to_bytes(_START, "big"),
                stream,
                self.prefix(message),
                message,
                self._after_start,
                stream,
                self.after,
            )
        )

    def prefix(self, message: bytes) -> bytes:
        """Return what stands in front of a message."""
        return len(message).to_bytes(self.prefix_size, "big") if self.prefix_size else b""


def _start(block: bytes, flags: int) -> bytes:
    return frames.frame_header(len(block), frames.HEADERS, flags, 0)[:_START]
