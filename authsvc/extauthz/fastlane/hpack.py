"""Reading header blocks: HPACK, RFC 7541.

What callers can rely on:

1. Every block is decoded, in order: the table stays the peer's, also where nobody wants a field.
2. Memory is bounded: by the table's size, and the size of a header list.
3. Every block that is not right raises; none raises anything but ``ConnectionFault``.
"""

from typing import Final

from authsvc.extauthz.fastlane.faults import ENHANCE_YOUR_CALM, CompressionError, ConnectionFault
from authsvc.extauthz.fastlane.huffman import decode as open_huffman
from authsvc.extauthz.fastlane.static_table import STATIC, Field

TABLE_SIZE: Final = 4096  # bytes; the size before SETTINGS, which is the one that we keep to
_OVERHEAD: Final = 32  # bytes that each entry counts for beside its text (section 4.1)
_MAX_INTEGER: Final = 1 << 24  # nothing here is as large
# A byte that a field begins with says what follows it: section 6.
_INDEXED: Final = 0x80
_INDEXED_MASK: Final = 0x7F
_ADDED: Final = 0x40
_ADDED_MASK: Final = 0x3F
_RESIZED: Final = 0x20
_OTHER_MASK: Final = 0x0F

_STATIC: Final = list(STATIC)
_STATIC_LENGTH: Final = 62  # with the entry 0, which is none


class Decoder:
    """Decodes the header blocks of one connection.

    Attributes:
        has_changed: The last block changed the table; otherwise it means the same again.
    """

    def __init__(self, *, max_list_size: int) -> None:
        """Begin with an empty table.

        Args:
            max_list_size: Bytes that a header list may have, each field counting 32 more.
        """
        self.has_changed = False
        self._max_list_size = max_list_size
        self._entries: list[Field] = []  # the newest last
        self._size = 0
        self._max_size = TABLE_SIZE

    def decode(self, block: bytes) -> list[Field]:
        """Return the fields of a whole block.

        Raises:
            CompressionError: It is no header block for this table.
            ConnectionFault: It makes a longer list than is allowed.
        """
        self.has_changed = False
        fields: list[Field] = []
        position = self._resize(block)
        end = len(block)
        room = self._max_list_size
        while position < end:
            first = block[position]
            position += 1
            if first >= _INDEXED:
                index = first - _INDEXED
                if index == _INDEXED_MASK:
                    index, position = _rest(block, position, index)
                field = self._entry(index)
            else:
                field, position = self._literal(block, position, first)
            room -= len(field[0]) + len(field[1]) + _OVERHEAD
            if room < 0:
                raise ConnectionFault(ENHANCE_YOUR_CALM, "a header list that is too long")
            fields.append(field)
        return fields

    def _resize(self, block: bytes) -> int:
        """Follow the changes of the table's size that a block begins with, two at most."""
        position = changes = 0
        while position < len(block) and block[position] >> 5 == 1:
            size, position = _integer(block, position, 0x1F)
            changes += 1
            if size > TABLE_SIZE or changes > 2:  # noqa: PLR2004 - section 4.2 gives the reason
                raise CompressionError("a table that is larger than allowed")
            self._max_size = size
            self._evict()
            self.has_changed = True
        return position

    def _literal(self, block: bytes, position: int, first: int) -> tuple[Field, int]:
        is_added = first >= _ADDED
        if not is_added and first >= _RESIZED:
            raise CompressionError("a change of the table's size within a block")
        mask = _ADDED_MASK if is_added else _OTHER_MASK
        index = first & mask
        if index == mask:
            index, position = _rest(block, position, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, position = _string(block, position)
        value, position = _string(block, position)
        field = (name, value)
        if is_added:
            self._add(field)
        return field, position

    def _entry(self, index: int) -> Field:
        if index < _STATIC_LENGTH:
            if index == 0:
                raise CompressionError("an entry that no table has")
            return _STATIC[index]
        if index - _STATIC_LENGTH >= len(self._entries):
            raise CompressionError("an entry that the table does not have")
        return self._entries[_STATIC_LENGTH - 1 - index]

    def _add(self, field: Field) -> None:
        self.has_changed = True
        self._entries.append(field)
        self._size += len(field[0]) + len(field[1]) + _OVERHEAD
        if self._size > self._max_size:
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
    return (value, position + 1) if value < mask else _rest(block, position + 1, value)


def _rest(block: bytes, position: int, value: int) -> tuple[int, int]:
    """Return an integer that its first byte was too small for, and the position after it."""
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
