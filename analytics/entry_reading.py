"""The choice between two ways to read an entry, which lead to the same.

Protobuf's C hands each field to Python as an object, for about 27 µs an entry.  A walk over the
bytes takes a third of that compiled, and three times as long where it is plain.
"""

from analytics.build import BUILD
from analytics.entry import EntryReader
from analytics.entry_wire import EntryWire


def quicker_reader() -> EntryReader | EntryWire:
    """Return who reads entries more quickly in this build."""
    return EntryWire(EntryReader()) if BUILD == "compiled" else EntryReader()
