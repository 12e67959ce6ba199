"""Reading header blocks: HPACK, RFC 7541.

What callers can rely on:

1. Every block is decoded, in order: the table stays the peer's, also where nobody wants a field.
2. Memory is bounded: by the table's size, the size of a header list, and some remembered blocks.
3. Every block that is not right raises; none raises anything but ``ConnectionFault``.
"""

from typing import Final

from authsvc.extauthz.fastlane.faults import ENHANCE_YOUR_CALM, CompressionError, ConnectionFault
from authsvc.extauthz.fastlane.huffman import decode as open_huffman
from authsvc.extauthz.fastlane.static_table import STATIC, Field

TABLE_SIZE: Final = 4096  # bytes; the size before SETTINGS, which is the one that we keep to
_OVERHEAD: Final = 32  # bytes that each entry counts for beside its text (section 4.1)
_MAX_INTEGER: Final = 1 << 24  # nothing here is as large
_REMEMBERED: Final = 16  # blocks
_REMEMBERED_SIZE: Final = 1024  # bytes of each: those that repeat are short

_STATIC_LENGTH: Final = len(STATIC)


class Decoder:
    """Decodes the header blocks of one connection."""

    def __init__(self, *, max_list_size: int) -> None:
        """Begin with an empty table.

        Args:
            max_list_size: Bytes that a header list may have, each field counting 32 more.
        """
        self._max_list_size = max_list_size
        self._entries: list[Field] = []  # the newest last
        self._size = 0
        self._max_size = TABLE_SIZE
        # What blocks meant that changed nothing: they mean the same until the table changes.
        self._known: dict[bytes, list[Field]] = {}

    def decode(self, block: bytes) -> list[Field]:
        """Return the fields of a whole block, not to be changed; the same list for the same block.

        Raises:
            CompressionError: It is no header block for this table.
            ConnectionFault: It makes a longer list than is allowed.
        """
        known = self._known.get(block)
        if known is not None:
            return known
        fields, changed = self._decode(block)
        if changed or len(self._known) >= _REMEMBERED:
            self._known.clear()
        if not changed and len(block) <= _REMEMBERED_SIZE:
            self._known[block] = fields
        return fields

    def _decode(self, block: bytes) -> tuple[list[Field], bool]:
        fields: list[Field] = []
        position, changed = self._resize(block)
        room = self._max_list_size
        while position < len(block):
            first = block[position]
            if first & 0x80:
                index, position = _integer(block, position, 0x7F)
                field = self._entry(index)
            elif first & 0x40:
                field, position = self._literal(block, position, 0x3F)
                self._add(field)
                changed = True
            elif first & 0x20:
                raise CompressionError("a change of the table's size within a block")
            else:
                field, position = self._literal(block, position, 0x0F)
            room -= len(field[0]) + len(field[1]) + _OVERHEAD
            if room < 0:
                raise ConnectionFault(ENHANCE_YOUR_CALM, "a header list that is too long")
            fields.append(field)
        return fields, changed

    def _resize(self, block: bytes) -> tuple[int, bool]:
        """Follow the changes of the table's size that a block begins with, two at most."""
        position = changes = 0
        while position < len(block) and block[position] >> 5 == 1:
            size, position = _integer(block, position, 0x1F)
            changes += 1
            if size > TABLE_SIZE or changes > 2:  # noqa: PLR2004 - section 4.2 gives the reason
                raise CompressionError("a table that is larger than allowed")
            self._max_size = size
            self._evict()
        return position, changes > 0

    def _literal(self, block: bytes, position: int, mask: int) -> tuple[Field, int]:
        index, position = _integer(block, position, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, position = _string(block, position)
        value, position = _string(block, position)
        return (name, value), position

    def _entry(self, index: int) -> Field:
        if 0 < index < _STATIC_LENGTH:
            return STATIC[index]
        place = index - _STATIC_LENGTH
        if index == 0 or place >= len(self._entries):
            raise CompressionError("an entry that the table does not have")
        return self._entries[-1 - place]

    def _add(self, field: Field) -> None:
        self._entries.append(field)
        self._size += len(field[0]) + len(field[1]) + _OVERHEAD
        self._evict()

    def _evict(self) -> None:
        gone = 0
        while self._size > self._max_size:
            name, value = self._entries[gone]
            self._size -= len(name) + len(value) + _OVERHEAD
            gone += 1
        if gone:
            del self._entries[:gone]


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """Return an integer of section 5.1 and the position after it."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    shift = 0
    while position < len(block):
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if value > _MAX_INTEGER or shift > 28:  # noqa: PLR2004 - as many bytes of nothing add up
            raise CompressionError("an integer that is too large")
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, position
        shift += 7
    raise CompressionError("a block that ends within an integer")


def _string(block: bytes, position: int) -> tuple[bytes, int]:
    """Return a string of section 5.2 and the position after it."""
    if position >= len(block):
        raise CompressionError("a block that ends before a string")
    is_huffman = block[position] & 0x80
    length, position = _integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise CompressionError("a block that ends within a string")
    text = block[position:end]
    return (open_huffman(text) if is_huffman else text), end
