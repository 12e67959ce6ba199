"""Shows events to those who watch them live: the very bytes that are delivered, masked as these.

What callers can rely on, strongest first:

1. ``Tail.show`` never raises and never waits; while nobody watches it costs next to nothing.
2. A viewer that reads too slowly misses events, and is told how many: nobody waits for it, and
   what is written ahead for it is bounded by what its port says.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import msgspec
import orjson

MAX_VIEWERS = 8

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
_Status = Annotated[str, msgspec.Meta(pattern=r"^[1-5](\d\d|xx)$")]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events a viewer wants; what is None does not matter.

    Attributes:
        consumer: The id, the user name or the custom id of the consumer, or the event's user id.
        status: A status, or a class of them such as ``4xx``.
        route: The route's id or name, as it stands in events.
    """

    consumer: _Text | None = None
    status: _Status | None = None
    route: _Text | None = None

    def admits(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event is wanted."""
        metadata = event.get("metadata") or {}
        return (
            (self.route is None or metadata.get("route") == self.route)
            and (self.status is None or _has_status(event, self.status))
            and (self.consumer is None or self.consumer in _names(event, metadata))
        )


class View(Protocol):
    """Where one viewer's lines go."""

    def has_room(self) -> bool:
        """Tell whether another line may be written without piling up."""

    def write(self, line: bytes) -> None:
        """Write a line. Must not block, and not raise."""


class Tail:
    """Those who watch."""

    def __init__(self) -> None:
        self._viewers: list[_Viewer] = []

    @property
    def is_full(self) -> bool:
        """Whether no further viewer is taken."""
        return len(self._viewers) >= MAX_VIEWERS

    @contextmanager
    def watched(self, wanted: Wanted, view: View) -> Iterator[None]:
        """Show events to a viewer until the block ends."""
        viewer = _Viewer(wanted, view)
        self._viewers.append(viewer)
        try:
            yield
        finally:
            self._viewers.remove(viewer)

    def show(self, event: bytes) -> None:
        """Show an encoded event to all who want it."""
        if self._viewers:
            members = orjson.loads(event)
            for viewer in self._viewers:
                viewer.show(event, members)


class _Viewer:
    def __init__(self, wanted: Wanted, view: View) -> None:
        self._wanted = wanted
        self._view = view
        self._missed = 0

    def show(self, event: bytes, members: Mapping[str, Any]) -> None:
        if not self._wanted.admits(members):
            return
        if not self._view.has_room():
            self._missed += 1
            return
        if self._missed:
            self._view.write(b'{"missed":%d}\n' % self._missed)
            self._missed = 0
        self._view.write(event + b"\n")


def _has_status(event: Mapping[str, Any], wanted: str) -> bool:
    status = str((event.get("response") or {}).get("status", ""))
    return re.fullmatch(wanted.replace("x", r"\d"), status) is not None


def _names(event: Mapping[str, Any], metadata: Mapping[str, Any]) -> set[str | None]:
    consumer = metadata.get("consumer") or {}
    names = {consumer.get(name) for name in ("id", "username", "custom_id")}
    return names | {event.get("user_id")}
