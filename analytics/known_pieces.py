"""Headers, and what authsvc said, that came before: byte for byte, and so not read again.

What callers can rely on: they are what ``pieces`` reads, or an error of ``wire`` is raised.  What
is remembered is bounded as in ``remembered``, which does this for what costs less to look for than
to call.
"""

from typing import TYPE_CHECKING, Any, Final, final

from analytics.pieces import UNIQUE_HEADERS, UNIQUE_SAID
from analytics.record import Verdict
from analytics.remembered import MAX_COUNT, MAX_LENGTH
from analytics.wire import Unusual, key_and_value, length

if TYPE_CHECKING:
    from mypy_extensions import i64

# Where what is said belongs, if it is no field of a verdict: those have their own numbers.
ROUTE: Final = -1
SERVICE: Final = -2
_NOWHERE: Final = -3
_PLACES: Final = {
    **{name: place for place, name in enumerate(Verdict.__struct_fields__)},
    "route": ROUTE,
    "service": SERVICE,
}
_FLAG: Final = "anonymous"

# How a google.protobuf.Value begins that is a text, a flag, a number, or a null.
_TEXT: Final = 0x1A
_TRUE: Final = b"\x20\x01"
_FALSE: Final = b"\x20\x00"
_NULL: Final = b"\x08\x00"
_NUMBER: Final = 0x11
_NUMBER_SIZE: Final = 9  # bytes, with that


@final
class Name:
    """The name of a header.

    Attributes:
        text: The name in lower case; a pseudo header's as it is.
        is_pseudo: Whether it is a pseudo header's.
        recurs: Whether other requests are likely to have the same value.
    """

    __slots__ = ("is_pseudo", "recurs", "text")

    def __init__(self, written: str) -> None:
        """Tell what is known of a name."""
        self.is_pseudo = written.startswith(":")
        self.text = written if self.is_pseudo else written.lower()
        self.recurs = self.text not in UNIQUE_HEADERS


@final
class Header:
    """A header: its name, and its value."""

    __slots__ = ("name", "value")

    def __init__(self, name: Name, value: str) -> None:
        self.name = name
        self.value = value


@final
class KnownHeaders:
    """Reads headers, and remembers those that are likely to come again."""

    __slots__ = ("_headers", "_names")

    def __init__(self) -> None:
        """Know none yet."""
        self._headers: dict[bytes, Header] = {}
        self._names: dict[bytes, Name] = {}

    def read(self, piece: bytes) -> Header:
        """Return the header that an entry of a map of texts is."""
        header = self._headers.get(piece)
        return self._learn(piece) if header is None else header

    def _learn(self, piece: bytes) -> Header:
        start, middle, value = key_and_value(piece, 0, len(piece))
        name = self._name(piece[start:middle])
        header = Header(name, piece[value:].decode())
        if name.recurs and len(piece) <= MAX_LENGTH:
            if len(self._headers) >= MAX_COUNT:
                self._headers.clear()
            self._headers[piece] = header
        return header

    def _name(self, written: bytes) -> Name:
        name = self._names.get(written)
        if name is None:
            name = Name(written.decode())
            if len(written) <= MAX_LENGTH:
                if len(self._names) >= MAX_COUNT:
                    self._names.clear()
                self._names[written] = name
        return name


@final
class Said:
    """One thing that authsvc said.

    Attributes:
        place: Which field of a verdict it is, ``ROUTE``, ``SERVICE``, or less: none of these.
        value: A flag, a text, or None where it is something else.
    """

    __slots__ = ("place", "value")

    def __init__(self, place: "i64", value: Any) -> None:
        self.place = place
        self.value = value


@final
class KnownSaid:
    """Reads what authsvc said, and remembers what is likely to come again."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        """Know nothing yet."""
        self._said: dict[bytes, Said] = {}

    def read(self, piece: bytes) -> Said:
        """Return what an entry of the Struct says."""
        said = self._said.get(piece)
        return self._learn(piece) if said is None else said

    def _learn(self, piece: bytes) -> Said:
        start, middle, value_start = key_and_value(piece, 0, len(piece))
        key = piece[start:middle].decode()
        value = _plain(piece[value_start:], is_flag=key == _FLAG)
        said = Said(_PLACES.get(key, _NOWHERE), value)
        if key not in UNIQUE_SAID and len(piece) <= MAX_LENGTH:
            if len(self._said) >= MAX_COUNT:
                self._said.clear()
            self._said[piece] = said
        return said


def _plain(value: bytes, *, is_flag: bool) -> str | bool | None:
    """Return what a Value says that has one field: as a flag, or as a text, None if it is none."""
    if value[0] == _TEXT:
        size, start = length(value, 1)
        if start + size != len(value):
            raise Unusual
        text = value[start:].decode()
        # In ext_authz's HTTP mode every value of the verdict is text.
        return text == "true" if is_flag else text or None
    is_number = value[0] == _NUMBER and len(value) == _NUMBER_SIZE
    if not is_number and value not in (_TRUE, _FALSE, _NULL):
        raise Unusual
    return value == _TRUE if is_flag else None
