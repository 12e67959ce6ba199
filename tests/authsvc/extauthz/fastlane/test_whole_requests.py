"""Requests that are all there at once take a shorter way, and come to the same."""

from collections.abc import Callable

import pytest

from authsvc.extauthz.fastlane import frames as f
from authsvc.extauthz.fastlane.limits import Limits
from tests.fakes.http2_peer import HEADERS, Echo, Peer, Seen, split

Say = Callable[[Peer], list[bytes]]  # frames
BODY = b"body"
MOST = 1005  # bytes of a body
LIMITS = Limits(message_size=1000, received=70_000, streams=3, header_block_size=1000)


def request(peer: Peer, number: int, *more: tuple[str, str], body: bytes = BODY) -> list[bytes]:
    head = peer.head(number, f.END_HEADERS, [*HEADERS, *more])
    return [head, f.frame(f.DATA, f.END_STREAM, number, body)]


def with_flags(peer: Peer, head: int, body: int, start: bytes = b"") -> list[bytes]:
    return [
        f.frame(f.HEADERS, f.END_HEADERS | head, 1, start + peer.block()),
        f.frame(f.DATA, f.END_STREAM | body, 1, start + BODY),
    ]


# name -> what is said, and which requests of it go the short way
CASES: dict[str, tuple[Say, list[int]]] = {
    "one": (lambda p: request(p, 1), [1]),
    "the next": (lambda p: request(p, 1) + request(p, 3), [1, 3]),
    "without a body": (lambda p: request(p, 1, body=b""), [1]),
    "with its length": (lambda p: request(p, 1, ("content-length", "4")), [1]),
    "with another length": (lambda p: request(p, 1, ("content-length", "5")), []),
    "a number left out": (lambda p: request(p, 1) + request(p, 5) + request(p, 3), [1, 5]),
    "a number of ours": (lambda p: request(p, 2), []),
    "the same number again": (lambda p: request(p, 1) + request(p, 1), [1]),
    "a malformed head": (lambda p: request(p, 1, ("Upper", "x")) + request(p, 3), [3]),
    "a head for no table": (
        lambda _: [f.frame(f.HEADERS, f.END_HEADERS, 1, b"\xff"), f.frame(f.DATA, 1, 1, BODY)],
        [],
    ),
    "padding": (lambda p: with_flags(p, f.PADDED, f.PADDED, b"\0"), []),
    "a priority": (lambda p: with_flags(p, f.PRIORITIZED, 0, bytes(5)), [1]),
    "the end in the head": (lambda p: with_flags(p, f.END_STREAM, 0), []),
    "data of another": (lambda p: request(p, 1)[:1] + request(p, 3)[1:], []),
    "a body above the limit": (lambda p: request(p, 1, body=bytes(MOST + 1)), []),
    "a body at the limit": (lambda p: request(p, 1, body=bytes(MOST)), [1]),
    "a frame above the limit": (lambda p: request(p, 1, body=bytes(f.MAX_FRAME_SIZE + 1)), []),
    "a frame in between": (
        lambda p: [request(p, 1)[0], f.frame(f.PING, 0, 0, bytes(8)), request(p, 1)[1]],
        [1],
    ),
    "all heads before all bodies": (
        lambda p: [*map(p.head, (1, 3, 5)), *(f.frame(f.DATA, 1, n, BODY) for n in (1, 5, 3))],
        [1, 5, 3],
    ),
    "a body in two": (
        lambda p: [p.head(1), f.frame(f.DATA, 0, 1, BODY), f.frame(f.DATA, 1, 1, BODY)],
        [],
    ),
    "a second body": (lambda p: request(p, 1) + request(p, 1)[1:], [1]),
    "behind half a block": (
        lambda p: [f.frame(f.HEADERS, 0, 1, p.block()), *request(p, 3)],
        [],
    ),
    "behind half a request": (lambda p: [*request(p, 1)[:1], *request(p, 3)], [3]),
    "what our window holds back": (
        lambda p: [f.settings({f.INITIAL_WINDOW_SIZE: 3}), *request(p, 1), *request(p, 3)],
        [1, 3],
    ),
    "the connection's window": (
        lambda p: [frame for n in range(80) for frame in request(p, 2 * n + 1, body=bytes(1000))],
        [*range(1, 137, 2)],  # 65 of a kilobyte are answered, three wait, and no more may
    ),
    "a table that shrinks": (
        lambda p: [f.settings({f.HEADER_TABLE_SIZE: 0}), *request(p, 1), *request(p, 3)],
        [1, 3],
    ),
}


def unusual(frame: bytes) -> list[bytes]:
    """Return frames that mean the same, but that no usual request has."""
    (seen,) = split(frame)
    if seen.kind == f.HEADERS and seen.flags & f.END_HEADERS:
        head = f.frame(f.HEADERS, seen.flags - f.END_HEADERS, seen.stream, seen.payload)
        return [head, f.frame(f.CONTINUATION, f.END_HEADERS, seen.stream)]
    if seen.kind == f.DATA and seen.flags == f.END_STREAM and 0 < len(seen.payload) <= MOST:
        last = f.frame(f.DATA, f.END_STREAM, seen.stream)
        return [f.frame(f.DATA, 0, seen.stream, seen.payload), last]
    return [frame]


def heard(said: list[bytes], *, at_once: bool) -> tuple[list[Seen], Echo]:
    peer = Peer(limits=LIMITS, echo=Echo(at_once=at_once))
    return [frame for part in said for frame in peer.say(part)], peer.echo


@pytest.mark.parametrize("at_once", [True, False], ids=["answered at once", "answered later"])
@pytest.mark.parametrize("case", CASES)
def test_the_short_way_comes_to_the_same(case: str, at_once: bool) -> None:
    frames = CASES[case][0](Peer())
    others = [each for frame in frames for each in unusual(frame)]

    in_one, whole = heard([b"".join(frames)], at_once=at_once)
    one_by_one, parts = heard(frames, at_once=at_once)
    the_long_way, long = heard(others, at_once=at_once)

    assert in_one == one_by_one == the_long_way
    assert whole.wholes == parts.wholes == long.wholes
    assert whole.resets == parts.resets == long.resets
    assert len(whole.prompts) == len(parts.prompts)
    assert long.prompts == ([1] if case == "without a body" else [])


@pytest.mark.parametrize("case", CASES)
def test_what_is_two_frames_and_nothing_else_goes_the_short_way(case: str) -> None:
    say, expected = CASES[case]

    _, echo = heard([b"".join(say(Peer()))], at_once=True)

    assert echo.prompts == expected


def test_a_request_that_is_answered_at_once_leaves_nothing_behind() -> None:
    peer = Peer()

    peer.say(*(peer.request(2 * number + 1) for number in range(10)))

    assert len(peer.echo.prompts) == 10
    assert peer.echo.streams == {}
    assert peer.connection.streams == 0
    assert peer.connection._reader.data == b""


def test_more_requests_than_may_be_open_are_refused_the_usual_way() -> None:
    peer = Peer(limits=LIMITS, echo=Echo(at_once=False))

    seen = peer.say(*(peer.request(2 * number + 1) for number in range(5)))

    assert peer.echo.prompts == [1, 3, 5]
    assert [frame.stream for frame in seen if frame.kind == f.RST_STREAM] == [7, 9]
