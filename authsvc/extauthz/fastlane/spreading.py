"""Spreads busy connections over the processes that share a port.

The kernel deals connections out at random. Envoy opens one for each of its threads and keeps it:
of two processes, one gets nothing from an Envoy with two threads every other time.

What callers can rely on:

1. A process that has two busy connections more than another asks the peers of some of its own to
   go. They finish what they asked, and come again: to another process, or are asked again.
2. Nobody is asked to go where all have as many but for one, where nothing is busy, or where there
   is no other process that serves.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

BUSY_BYTES: Final = 16_384  # received between two looks: some twenty checks, and no health check
REST_LOOKS: Final = 2  # after peers were asked to go: until they have come again, and are busy


class Neighbours(Protocol):
    """The processes that share the port; implemented by the process shell."""

    def exchange(self, busy: int) -> Sequence[int]:
        """Tell them how many busy connections there are here; return how many each of them has.

        Those that serve now. Never raises, never blocks.
        """


class Movable(Protocol):
    """A connection."""

    @property
    def received(self) -> int:
        """How many bytes have come on it."""

    @property
    def is_leaving(self) -> bool:
        """Whether its peer was asked to go."""

    def make_room(self) -> None:
        """Ask its peer to go, because there is more room elsewhere."""


class Spreading:
    """Looks after the connections of one process."""

    def __init__(
        self, connections: Callable[[], Iterable[Movable]], *, neighbours: Neighbours
    ) -> None:
        self._connections = connections
        self._neighbours = neighbours
        self._received: dict[Movable, int] = {}
        self._resting = 0

    def look(self) -> None:
        """Tell the neighbours what there is, and ask to go what is too much. Each second."""
        busy = self._busy()
        others = self._neighbours.exchange(len(busy))
        if self._resting:
            self._resting -= 1
        elif surplus := surplus_of(len(busy), others):
            self._resting = REST_LOOKS
            for connection in busy[:surplus]:
                connection.make_room()

    def _busy(self) -> list[Movable]:
        before = self._received
        self._received = {each: each.received for each in self._connections()}
        return [
            each
            for each, received in self._received.items()
            if received - before.get(each, 0) >= BUSY_BYTES and not each.is_leaving
        ]


def surplus_of(own: int, others: Sequence[int]) -> int:
    """Return how many connections one has more than its share."""
    if not others or own - min(others) < 2:  # noqa: PLR2004 - one more is as even as can be
        return 0
    share = -(-(own + sum(others)) // (1 + len(others)))  # rounded up
    return max(1, own - share)
