"""A CheckRequest read off its bytes, as far as an answer that is ready depends on it.

What callers can rely on:

1. What is read is what protobuf reads. Where that would take more than is known here, nothing is
   read, and protobuf has to be asked.
2. Every position follows from the lengths that the message gives, from its first byte to its last;
   nothing is searched for. So no bytes of a body or of a value are taken for anything else.
3. Nothing raises, whatever the bytes are.
4. Memory is bounded, and holds nothing of what headers say.

Known is what Envoy writes: each field once, in the order of the numbers, ASCII where it is text.
What comes again and again is recognized by its bytes instead of being taken apart: who the two
peers are, what follows the request (there are the names of route and service), and how a header
begins: its name, and the lengths around it. So plain Python takes as long as protobuf's C does for
as much; compiled, a fraction of that.

Field numbers: ``proto/extauthz.proto``. A tag is one byte for all of them; a length is one byte
up to 127, and two for what may be longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from authsvc.extauthz.header_shapes import FRAME, MOST_REMEMBERED, HeaderShapes
from authsvc.extauthz.tags import Tags
from authsvc.extauthz.wire_lengths import MORE, SHORT
from authsvc.preparation import Recipe

if TYPE_CHECKING:
    from mypy_extensions import i64  # an int that mypyc keeps in a register; otherwise an int

# CheckRequest, AttributeContext, AttributeContext.Request
_ATTRIBUTES: Final = 0x0A
_SOURCE: Final = 0x0A
_DESTINATION: Final = 0x12
_REQUEST: Final = 0x22
_TIME: Final = 0x0A
_HTTP: Final = 0x12
# AttributeContext.HttpRequest
_ID: Final = 0x0A
_METHOD: Final = 0x12
_HEADERS: Final = 0x1A
_PATH: Final = 0x22
_HOST: Final = 0x2A
_SCHEME: Final = 0x32
_PROTOCOL: Final = 0x52
_HEADER_MAP: Final = 0x6A


# What is longer is left to protobuf. So a length that goes on in a third byte, which nobody looks
# for, leads out of the message.
_LONGEST: Final = 0x3FFF  # bytes

# Timestamp
_SECONDS: Final = 0x08
_SECONDS_SIZE: Final = 5  # bytes of them, for the next thousand years
_NANOSECONDS: Final = 0x10
_NANOSECONDS_SIZE: Final = 5  # bytes at most

_LONGEST_REMEMBERED: Final = 1024  # bytes


class Terms:
    """What is known of the requests of a route and a service before one is read.

    Attributes:
        route: The name of the route, if Envoy gave one.
        service: The name of the service, if Envoy gave one.
        recipe: How to see that an answer to one is ready; None: there is none.
        raw: The shapes of headers in ``header_map``.
        mapped: The shapes of headers in ``headers``.
        tags: What stands for who asks, where answers are kept.
    """

    __slots__ = ("mapped", "raw", "recipe", "route", "service", "tags")

    def __init__(self, route: str | None, service: str | None, recipe: Recipe | None) -> None:
        """Know no header yet."""
        self.route = route
        self.service = service
        self.recipe = recipe
        telling = recipe.telling if recipe is not None else ()
        self.raw = HeaderShapes(telling, is_raw=True)
        self.mapped = HeaderShapes(telling, is_raw=False)
        self.tags = Tags()


# What is asked: the terms; then method, path, host and key, as bytes, the last of them empty if no
# header has one; where the headers begin.
Asked = tuple[Terms, bytes, bytes, bytes, bytes, int]


class RequestWire:
    """Reads what is asked; for one process, under the policies of one moment."""

    def __init__(
        self,
        *,
        terms_of: Callable[[bytes], Terms | None],
        are_peers: Callable[[bytes], bool],
        capacity: int = MOST_REMEMBERED,
    ) -> None:
        """Remember nothing yet.

        Args:
            terms_of: Returns the terms that an AttributeContext names which has neither peers nor
                a request; None if it has, or is none.
            are_peers: Tells whether bytes are an AttributeContext.
            capacity: How many of each to remember.
        """
        self._capacity = capacity
        self._terms_of = terms_of
        self._are_peers = are_peers
        self._terms: dict[bytes, Terms] = {}
        self._peers: set[bytes] = set()
        # What was asked last: most ask for the same route as the one before.
        self._last_rest = b""
        self._last_terms: Terms | None = None

    def forget_terms(self) -> None:
        """Ask for all terms anew: the policies are others now."""
        self._terms.clear()
        self._last_terms = None

    def read(self, payload: bytes) -> Asked | None:
        """Return what a CheckRequest asks if at most one header has a key; None: ask protobuf."""
        try:
            at: i64 = 2
            size: i64 = payload[1]
            if size > SHORT:
                at, size = 3, size + (payload[2] << 7) - MORE
            total: i64 = len(payload)
            if payload[0] != _ATTRIBUTES or at + size != total or total > _LONGEST:
                return None
            start: i64 = at
            while payload[at] == _SOURCE or payload[at] == _DESTINATION:
                at, size = at + 2, payload[at + 1]
                if size > SHORT:
                    at, size = at + 1, size + (payload[at] << 7) - MORE
                at += size
            peers = payload[start:at]
            tag: i64 = payload[at]
            at, size = at + 2, payload[at + 1]
            if size > SHORT:
                at, size = at + 1, size + (payload[at] << 7) - MORE
            end: i64 = at + size
            if tag != _REQUEST or end > total:
                return None
            if peers not in self._peers and not self._learn_peers(peers):
                return None
            terms = self._find_terms(payload[end:])
            if terms is None or terms.recipe is None:
                return None
            return _read_request(payload, at, end, terms)
        except IndexError:  # it ends where there should be more
            return None

    def _learn_peers(self, peers: bytes) -> bool:
        if len(peers) > _LONGEST_REMEMBERED or not self._are_peers(peers):
            return False
        if len(self._peers) >= self._capacity:
            self._peers.clear()
        self._peers.add(peers)
        return True

    def _find_terms(self, rest: bytes) -> Terms | None:
        if self._last_terms is None or rest != self._last_rest:
            self._last_terms = self._terms.get(rest) or self._learn_terms(rest)
            self._last_rest = rest if self._last_terms is not None else b""
        return self._last_terms

    def _learn_terms(self, rest: bytes) -> Terms | None:
        terms = self._terms_of(rest) if len(rest) <= _LONGEST_REMEMBERED else None
        if terms is not None:
            if len(self._terms) >= self._capacity:
                self._terms.clear()
            self._terms[rest] = terms
        return terms


def _read_request(payload: bytes, at: i64, end: i64, terms: Terms) -> Asked | None:
    """Read AttributeContext.Request up to the path."""
    if payload[at] == _TIME:
        start: i64 = at + 2
        at = start + payload[at + 1]
        if not _is_time(payload, start, at):
            return None
    tag: i64 = payload[at]
    size: i64 = payload[at + 1]
    at += 2
    if size > SHORT:
        at, size = at + 1, size + (payload[at] << 7) - MORE
    if tag != _HTTP or at + size != end:
        return None
    first: i64 = at
    if payload[at] == _ID:
        at += 2 + payload[at + 1]
    if payload[at] != _METHOD:
        return None
    size = payload[at + 1]
    method = payload[at + 2 : at + 2 + size]
    at += 2 + size
    key = b""
    headers_at: i64 = 0
    if payload[at] == _HEADERS:
        headers_at = at
        key, at = _read_headers(payload, at, end, terms.mapped)
    if payload[at] != _PATH or not method:
        return None
    return _read_target(payload, first, at, end, terms, method, key, headers_at)


def _is_time(payload: bytes, at: i64, end: i64) -> bool:
    """Tell whether there is a Timestamp, of the seconds and, if it has them, the nanoseconds."""
    seconds_end: i64 = at + 1 + _SECONDS_SIZE
    if payload[at] != _SECONDS or not _is_number(payload, at + 1, seconds_end):
        return False
    if seconds_end >= end:
        return seconds_end == end
    at = seconds_end + 1
    if payload[seconds_end] != _NANOSECONDS or end - at > _NANOSECONDS_SIZE:
        return False
    return _is_number(payload, at, end)


def _is_number(payload: bytes, at: i64, end: i64) -> bool:
    """Tell whether a number fills the bytes up to the end."""
    last: i64 = end - 1
    while at < last:
        if payload[at] <= SHORT:
            return False
        at += 1
    return at == last and payload[at] <= SHORT


def _read_target(  # noqa: PLR0917 - what was read before it
    payload: bytes,
    first: i64,
    at: i64,
    end: i64,
    terms: Terms,
    method: bytes,
    key: bytes,
    headers_at: i64,
) -> Asked | None:
    """Read HttpRequest from its path on; ``key`` is what `headers` has, if that is there.

    ``first`` is where it begins, ``headers_at`` where `headers` do; 0: there are none.
    """
    size: i64 = payload[at + 1]
    at += 2
    if size > SHORT:
        if not payload[first : at - 1].isascii():
            return None
        at, size = at + 1, size + (payload[at] << 7) - MORE
        first = at  # a length of two bytes is not ASCII, nor has to be
    path = payload[at : at + size]
    at += size
    if payload[at] != _HOST:
        return None
    size = payload[at + 1]
    host = payload[at + 2 : at + 2 + size]
    at += 2 + size
    if payload[at] == _SCHEME:
        at += 2 + payload[at + 1]
    if payload[at] == _PROTOCOL:
        at += 2 + payload[at + 1]
    if not payload[first:at].isascii():
        return None
    # Where both forms of headers are, these count.
    if not key and at < end and payload[at] == _HEADER_MAP:
        at, size = at + 2, payload[at + 1]
        if size > SHORT:
            at, size = at + 1, size + (payload[at] << 7) - MORE
        if at + size != end or not size:
            return None
        headers_at = at
        key, at = _read_headers(payload, at, end, terms.raw)
    return (terms, method, path, host, key, headers_at) if headers_at and at == end else None


def _read_headers(payload: bytes, at: i64, end: i64, shapes: HeaderShapes) -> tuple[bytes, i64]:
    """Return the key, and where what ends that is known to be headers with at most one key."""
    usual, usual_steps = shapes.usual, shapes.usual_steps
    known: i64 = len(usual)
    place: i64 = 0
    key = b""
    step: i64 = 0
    while at < end:
        shape = payload[at : at + FRAME + payload[at + 3]]
        if place < known and shape == usual[place]:
            step = usual_steps[place]
        else:
            step = shapes.find(payload, at, shape, place)
        place += 1
        if step > 0:
            at += step
        elif step < 0 and not key:
            key = payload[at + len(shape) : at - step]
            at -= step
        else:
            break
    return key, at
