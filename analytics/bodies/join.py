"""Brings bodies and log entries together: two streams of Envoy, in whatever order they arrive.

What callers can rely on, strongest first:

1. A body goes to the entry of its own request, or to none.  Ids of requests can be chosen by
   clients, and pass through several Envoys; so the time at which Envoy saw the request begin, to
   the microsecond, has to agree as well.  Where two streams claim the same request, neither is
   believed.
2. Nothing here waits.  An entry whose bodies are not there yet is set aside for a second, then
   goes on with what is there; bodies wait for their entry for ten.
3. Memory is bounded, in bytes of bodies, in streams and in entries.  What there is no room for is
   left out, and counted.
4. Without streams of bodies in the last minute, nothing is set aside and nothing is looked up.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.codec import Seen, decode
from analytics.bodies.metrics import BodyMetrics, BodyOutcome
from analytics.bodies.recording import Limits, Recording, State
from analytics.record import AccessRecord, Sender

MAX_HELD = 64 * 1024 * 1024  # bytes of bodies
MAX_STREAMS = 2_000
MAX_ENTRIES = 5_000
BODY_SECONDS = 10.0  # Envoy holds entries for a second, or longer while it cannot send them
ENTRY_SECONDS = 1.0
_IDLE_SECONDS = 60.0  # after which nobody expects bodies any more
_TICK = 0.25  # seconds
_MICROSECOND = 1000  # nanoseconds

_Key = tuple[str, int | None]
Release = Callable[[AccessRecord, Sender, Bodies], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A log entry that waits for its bodies."""

    record: AccessRecord
    sender: Sender
    until: float


@dataclass(slots=True)
class _Held:
    """A request whose bodies are here, or are about to be."""

    recording: Recording
    key: _Key
    is_open: bool = True
    until: float = 0.0  # once it is closed


class BodyJoin:
    """Joins; what was set aside comes back through ``release``."""

    def __init__(
        self,
        *,
        release: Release,
        metrics: BodyMetrics,
        now: Callable[[], float] = time.monotonic,
        max_held: int = MAX_HELD,
    ) -> None:
        self._release = release
        self._metrics = metrics
        self._now = now
        self._max_held = max_held
        self._limits = Limits()
        self._held: dict[_Key, _Held] = {}
        self._closed: deque[_Held] = deque()
        self._entries: dict[_Key, _Entry] = {}  # the one that waits longest comes first
        self._entries_by_id: dict[str, _Key] = {}  # the latest of each id
        self._size = 0
        self._streams = 0
        self._expected_until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_expected(self) -> bool:
        """Whether there were streams of bodies lately."""
        return self._now() <= self._expected_until

    def configure(self, limits: Limits) -> None:
        """Take bodies of up to these sizes from now on: the largest that anybody wants."""
        self._limits = limits

    def open_stream(self) -> "BodyStream":
        """Return what takes the messages about one request."""
        self._streams += 1
        if not any((self._limits.request, self._limits.response)):
            return BodyStream(self, None)
        self._expected_until = self._now() + _IDLE_SECONDS
        if self._streams > MAX_STREAMS:
            self._metrics.bodies(BodyOutcome.NO_ROOM, 1)
            return BodyStream(self, None)
        return BodyStream(self, Recording(self._limits))

    def offer(self, record: AccessRecord, sender: Sender) -> Bodies | None:
        """Return the bodies of an entry; None: it was set aside, and comes back."""
        if not self.is_expected or not record.request_id:
            return NO_BODIES
        key = _key(record)
        held = self._find(key)
        if held is not None and not held.is_open:
            return self._taken(held)
        self._set_aside(key, _Entry(record, sender, self._now() + ENTRY_SECONDS))
        return None

    def stop(self) -> None:
        """Let go of everything: what was set aside comes back now, with what is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._expected_until = float("-inf")
        while self._entries:
            self._give_back(next(iter(self._entries)))

    # What a stream calls.

    def attach(self, recording: Recording, seen: Seen) -> "_Held | None":
        """Take a request into the books, or return None where that is not possible."""
        key = (seen.request_id, seen.started)
        known = self._held.get(key)
        if known is not None:
            self._count(known.recording, State.WHOLE, BodyOutcome.AMBIGUOUS)
            self._clear(known.recording)
            return None
        held = self._held[key] = _Held(recording, key)
        return held

    def refuse(self) -> None:
        """A stream says nothing that can be used."""
        self._metrics.bodies(BodyOutcome.UNREADABLE, 1)

    def take(self, recording: Recording, seen: Seen) -> None:
        """Let a recording take a message, if there is room for it."""
        before = recording.size
        if self._size + len(seen.chunk) > self._max_held:
            recording.clear()
            self._metrics.bodies(BodyOutcome.NO_ROOM, 1)
        recording.take(seen)
        self._resize(recording.size - before)

    def close(self, recording: Recording | None, held: "_Held | None") -> None:
        """Nothing more comes of a request."""
        self._streams -= 1
        if recording is not None:
            self._settle(recording, held)
        self._report()

    def _settle(self, recording: Recording, held: "_Held | None") -> None:
        self._count(recording, State.TOO_LARGE, BodyOutcome.TOO_LARGE)
        self._count(recording, State.OPEN, BodyOutcome.CUT_OFF)
        if held is None:
            self._clear(recording)
        else:
            held.is_open = False
            held.until = self._now() + BODY_SECONDS
            waiting = self._waiting_for(held.key)
            if waiting is not None:
                self._give_back(waiting)
            else:
                self._closed.append(held)
                self._schedule()

    # Waiting, and the end of it.

    def _find(self, key: _Key) -> _Held | None:
        # Envoy may have been told to send ids, but no times.
        return self._held.get(key) or self._held.get((key[0], None))

    def _waiting_for(self, key: _Key) -> _Key | None:
        request_id, started = key
        if started is None:
            return self._entries_by_id.get(request_id)
        return key if key in self._entries else None

    def _set_aside(self, key: _Key, entry: _Entry) -> None:
        if key in self._entries:
            self._give_back(key)
        if len(self._entries) >= MAX_ENTRIES:
            self._give_back(next(iter(self._entries)))
        self._entries[key] = entry
        self._entries_by_id[key[0]] = key
        self._schedule()

    def _give_back(self, key: _Key) -> None:
        entry = self._entries.pop(key)
        if self._entries_by_id.get(key[0]) == key:
            del self._entries_by_id[key[0]]
        held = self._find(key)
        if held is None or held.is_open:
            self._metrics.awaited_in_vain()
        self._release(entry.record, entry.sender, self._taken(held) if held else NO_BODIES)

    def _taken(self, held: _Held) -> Bodies:
        """Return what is there, and forget it; what may still come of it comes for nobody."""
        bodies = held.recording.bodies()
        self._held.pop(held.key, None)
        self._clear(held.recording)
        self._report()
        return bodies

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._now()
        while self._entries and next(iter(self._entries.values())).until <= now:
            self._give_back(next(iter(self._entries)))
        while self._closed and (self._closed[0].until <= now or self._is_gone(self._closed[0])):
            self._expire(self._closed.popleft())
        self._report()
        if self._entries or self._closed:
            self._schedule()

    def _is_gone(self, held: _Held) -> bool:
        return self._held.get(held.key) is not held

    def _expire(self, held: _Held) -> None:
        if not self._is_gone(held):
            del self._held[held.key]
            self._count(held.recording, State.WHOLE, BodyOutcome.NO_ENTRY)
            self._clear(held.recording)

    def _count(self, recording: Recording, state: State, outcome: BodyOutcome) -> None:
        count = recording.in_state(state)
        if count:
            self._metrics.bodies(outcome, count)

    def _clear(self, recording: Recording) -> None:
        self._resize(-recording.size)
        recording.clear()

    def _resize(self, change: int) -> None:
        self._size += change

    def _report(self) -> None:
        self._metrics.held(size=self._size, streams=self._streams)


class BodyStream:
    """One stream of Envoy's, about one request; without a recording nothing of it is wanted."""

    def __init__(self, join: BodyJoin, recording: Recording | None) -> None:
        self._join = join
        self._recording = recording
        self._held: _Held | None = None

    def accept(self, message: bytes) -> bool:
        """Take one message; return whether more is wanted.  Never raises, never waits."""
        if self._recording is None:
            return False
        try:
            seen = decode(message)
        except ValueError:
            return self._refuse()
        if not seen.is_observed:
            return self._refuse()
        if self._held is None:
            if not seen.request_id:
                return self._refuse()
            self._held = self._join.attach(self._recording, seen)
            if self._held is None:
                return False
        self._join.take(self._recording, seen)
        return not self._recording.is_over

    def close(self) -> None:
        """Nothing more comes."""
        self._join.close(self._recording, self._held)

    def _refuse(self) -> bool:
        self._join.refuse()
        return False


def _key(record: AccessRecord) -> _Key:
    return record.request_id, record.started // _MICROSECOND
