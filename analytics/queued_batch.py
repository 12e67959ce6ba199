"""A batch on its way to the collector: in memory, on disk, or both."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where a batch is on disk: a segment, and the record in it."""

    segment: int
    offset: int
    length: int


class QueuedBatch:
    """Events that are sent together, compressed.

    Attributes:
        number: Tells it from every other batch, also from those of earlier runs.
        events: How many events it has, in all.
        size: Their bytes before compression.
        since: When the oldest of them came, in seconds since the epoch.
        body: The gzip'd JSON array; None: it is on disk only.
        place: Where it is on disk; None: it is in memory only. Set by the disk's thread.
        done: So many of its events, from the oldest, need not be sent any more.
        counted: Its bytes on disk, as far as its queue knows of them.
        is_being_kept: It was handed to the disk's thread, which has not answered yet.
    """

    __slots__ = (
        "body",
        "counted",
        "done",
        "events",
        "is_being_kept",
        "number",
        "place",
        "since",
        "size",
    )

    def __init__(
        self,
        *,
        number: int,
        events: int,
        size: int,
        since: float,
        body: bytes | None = None,
        place: Place | None = None,
        done: int = 0,
    ) -> None:
        self.number = number
        self.events = events
        self.size = size
        self.since = since
        self.body = body
        self.place = place
        self.done = done
        self.counted = 0
        self.is_being_kept = False

    @property
    def remaining(self) -> int:
        """How many of its events are still to be sent."""
        return self.events - self.done

    @property
    def memory(self) -> int:
        """How many bytes it has in memory."""
        return 0 if self.body is None else len(self.body)

    @property
    def stored(self) -> int:
        """How many bytes it has on disk."""
        return 0 if self.place is None else self.place.length
