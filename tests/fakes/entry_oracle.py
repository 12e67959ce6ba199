"""Holds what is read off the bytes of an entry against what protobuf reads."""

from google.protobuf.message import DecodeError

from analytics.entry import EntryReader
from analytics.entry_wire import EntryWire
from analytics.record import AccessRecord

NOW = 1_800_000_000_000_000_000
MALFORMED = "malformed"

Outcome = AccessRecord | str | None


class Recording(EntryReader):
    """Reads what is left to protobuf, and counts that."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def read(self, entry: bytes, *, received: int) -> AccessRecord | None:
        self.asked += 1
        return super().read(entry, received=received)


class Oracle:
    """Reads entries in both ways.

    Attributes:
        protobuf: Who was asked what the walk left.
    """

    def __init__(self) -> None:
        self.protobuf = Recording()
        self._wire = EntryWire(self.protobuf)
        self._reader = EntryReader()

    def read(self, entry: bytes) -> Outcome:
        """Return what an entry is, after both said the same; twice, as pieces are remembered."""
        expected = outcome(self._reader, entry)
        for _ in range(2):
            assert outcome(self._wire, entry) == expected
        return expected


def outcome(reader: EntryReader | EntryWire, entry: bytes) -> Outcome:
    """Return the record of an entry, None if its request goes on, or that it is malformed."""
    try:
        return reader.read(entry, received=NOW)
    except DecodeError:
        return MALFORMED
