"""How the headers of a CheckRequest begin on the wire: what need not be taken apart again.

What callers can rely on: whatever the bytes are, a length is that which protobuf finds, a name is
ASCII, and a header that holds no key is none of those that may hold it.  Memory is bounded, and
holds nothing of what headers say.
"""

from collections.abc import Collection
from typing import Final

from authsvc.extauthz.wire_lengths import MORE, SHORT, TAG_AND_LENGTH
from authsvc.transaction_id import TRANSACTION_ID

FRAME: Final = 6  # bytes around the name of a header: three tags and three lengths

# HeaderMap and HeaderValue; an entry of HttpRequest.headers
_HEADER: Final = 0x0A
_ENTRY: Final = 0x1A
_NAME: Final = 0x0A
_TEXT: Final = 0x12
_RAW_VALUE: Final = 0x1A

MOST_REMEMBERED: Final = 4096  # of each kind
_MOST_USUAL: Final = 64  # headers of one request


class HeaderShapes:
    """How headers begin on the wire, and which of them holds the key.

    What is remembered is a name and the lengths around it, as bytes: a header that begins so is as
    long as that, whatever its value is.
    """

    __slots__ = ("_capacity", "_tag", "_telling", "_value", "steps", "usual", "usual_steps")

    def __init__(
        self, telling: Collection[str], *, is_raw: bool, capacity: int = MOST_REMEMBERED
    ) -> None:
        """Know no header yet.

        Args:
            telling: As in a ``Recipe``.
            is_raw: Whether they are those of ``header_map``, or those of ``headers``.
            capacity: How many to remember.
        """
        self._capacity = capacity
        self._telling = frozenset(telling)
        self._tag = _HEADER if is_raw else _ENTRY
        self._value = _RAW_VALUE if is_raw else _TEXT
        #: From how a header begins to how many bytes it has; negative if it holds the key.
        self.steps: dict[bytes, int] = {}
        #: Those that came last in each place, and their steps: most requests have the headers of
        #: the one before, in the same order.
        self.usual: list[bytes] = []
        self.usual_steps: list[int] = []

    def find(self, payload: bytes, at: int, shape: bytes, place: int) -> int:
        """Return the step of a header that is not the usual one in its place.

        Args:
            payload: The message.
            at: Where the header begins.
            shape: How it begins, if it is remembered.
            place: How many come before it.

        Raises:
            IndexError: The message ends before it does.
        """
        step = self.steps.get(shape, 0)
        if not step:
            return self.learn(payload, at)
        if place < len(self.usual):
            self.usual[place], self.usual_steps[place] = shape, step
        elif place < _MOST_USUAL:
            skipped = place - len(self.usual)  # none of them can be recognized
            self.usual += [*[b""] * skipped, shape]
            self.usual_steps += [*[0] * skipped, step]
        return step

    def learn(self, payload: bytes, at: int) -> int:
        """Return how many bytes the header has that begins there, as in ``steps``; 0: not known.

        Raises:
            IndexError: The message ends before it does.
        """
        start, size = at + 2, payload[at + 1]
        if size > SHORT:
            start, size = start + 1, size + (payload[start] << 7) - MORE
            if size <= SHORT:
                return 0  # an idle byte: what follows is one byte further than in a short one
        end, name_size = start + size, payload[start + 1]
        value = start + 2 + name_size
        if payload[at] != self._tag or payload[start] != _NAME or name_size > SHORT:
            return 0
        if value != end and not self._fills(payload, value, end):
            return 0
        name_bytes = payload[start + 2 : value]
        if not name_bytes.isascii():
            return 0
        name = name_bytes.decode().lower()
        step = end - at
        if name in self._telling:
            is_empty = value == end or value + TAG_AND_LENGTH == end
            if name == TRANSACTION_ID or is_empty or size > SHORT:
                return 0
            step = -step
        if size <= SHORT:
            self._remember(payload[at : at + FRAME + name_size], step)
        return step

    def _fills(self, payload: bytes, at: int, end: int) -> bool:
        """Tell whether a value is there, up to the end and no further."""
        start, size = at + 2, payload[at + 1]
        if size > SHORT:
            start, size = start + 1, size + (payload[start] << 7) - MORE
            if size <= SHORT:
                return False  # likewise
        return payload[at] == self._value and start + size == end

    def _remember(self, shape: bytes, step: int) -> None:
        if len(self.steps) >= self._capacity:
            self.steps.clear()
        self.steps[shape] = step
