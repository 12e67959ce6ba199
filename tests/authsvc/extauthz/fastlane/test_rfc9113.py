"""Every MUST of RFC 9113 that a peer can provoke, by section: what the server then says.

Cases are as in h2spec, https://github.com/summerwind/h2spec, in the terms of RFC 9113.
"""

from collections.abc import Callable

import pytest

from authsvc.extauthz.fastlane import frames as f
from authsvc.extauthz.fastlane.faults import (
    COMPRESSION_ERROR,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
)
from authsvc.extauthz.fastlane.limits import Limits
from tests.fakes.http2_peer import HEADERS, Echo, Peer, goaway_of, reset_of

PADDED_END = f.PADDED | f.END_STREAM
Provoke = Callable[[Peer], bytes]


def headers_with(*added: tuple[str, str], without: str = "") -> list[tuple[str, str]]:
    return [header for header in HEADERS if header[0] != without] + list(added)


def sent(headers: list[tuple[str, str]]) -> Provoke:
    return lambda peer: peer.head(1, f.END_HEADERS | f.END_STREAM, headers)


def opened(peer: Peer, *more: bytes) -> bytes:
    return peer.head(1) + b"".join(more)


def half_closed(peer: Peer, *more: bytes) -> bytes:
    peer.echo.at_once = False
    return peer.request(1) + b"".join(more)


def closed(peer: Peer, *more: bytes) -> bytes:
    return peer.request(1) + b"".join(more)


ENDS_CONNECTION: dict[str, tuple[int, Provoke]] = {
    # 4.1, 4.2
    "4.2 a frame above the largest size": (
        FRAME_SIZE_ERROR,
        lambda p: opened(p, f.frame(f.DATA, 0, 1, bytes(f.MAX_FRAME_SIZE + 1))),
    ),
    "4.2 a header block above the largest size": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.HEADERS, f.END_HEADERS, 1, bytes(f.MAX_FRAME_SIZE + 1)),
    ),
    # 4.3
    "4.3 a block that cannot be decoded": (
        COMPRESSION_ERROR,
        lambda _: f.frame(f.HEADERS, f.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
    ),
    "4.3 a block of a stream that was reset is decoded": (
        COMPRESSION_ERROR,
        lambda p: (
            sent(headers_with(("Upper", "x")))(p)
            + f.frame(f.HEADERS, f.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff")
        ),
    ),
    "4.3 another frame within a block": (
        PROTOCOL_ERROR,
        lambda p: p.head(1, 0) + f.frame(f.PRIORITY, 0, 1, bytes(5)),
    ),
    "4.3 another stream's headers within a block": (
        PROTOCOL_ERROR,
        lambda p: p.head(1, 0) + p.head(3),
    ),
    "4.3 an unknown frame within a block": (
        PROTOCOL_ERROR,
        lambda p: p.head(1, 0) + f.frame(0xEE, 0, 1),
    ),
    # 5.1
    "5.1 data of an idle stream": (PROTOCOL_ERROR, lambda _: f.frame(f.DATA, 0, 1, b"x")),
    "5.1 a reset of an idle stream": (PROTOCOL_ERROR, lambda _: f.rst_stream(1, 8)),
    "5.1 a window of an idle stream": (PROTOCOL_ERROR, lambda _: f.window_update(1, 8)),
    "5.1 a window of a stream that only we could open": (
        PROTOCOL_ERROR,
        lambda p: p.request(5) + f.window_update(2, 8),
    ),
    "5.1 a continuation of an idle stream": (
        PROTOCOL_ERROR,
        lambda p: f.frame(f.CONTINUATION, f.END_HEADERS, 1, p.block()),
    ),
    "5.1 data of a closed stream": (
        STREAM_CLOSED,
        lambda p: closed(p, f.frame(f.DATA, f.END_STREAM, 1, b"x")),
    ),
    "5.1 headers of a closed stream": (
        STREAM_CLOSED,
        lambda p: p.request(1) + p.head(1, f.END_HEADERS | f.END_STREAM),
    ),
    "5.1 a continuation of a closed stream": (
        PROTOCOL_ERROR,
        lambda p: p.request(1) + f.frame(f.CONTINUATION, f.END_HEADERS, 1, p.block()),
    ),
    # 5.1.1
    "5.1.1 an even number": (PROTOCOL_ERROR, lambda p: p.request(2)),
    "5.1.1 a lower number": (PROTOCOL_ERROR, lambda p: p.request(5) + p.request(3)),
    # 6.1
    "6.1 data of the connection": (PROTOCOL_ERROR, lambda _: f.frame(f.DATA, 0, 0, b"x")),
    "6.1 more padding than payload": (
        PROTOCOL_ERROR,
        lambda p: opened(p, f.frame(f.DATA, PADDED_END, 1, b"\x06abcd")),
    ),
    "6.1 padding without its length": (
        FRAME_SIZE_ERROR,
        lambda p: opened(p, f.frame(f.DATA, PADDED_END, 1)),
    ),
    # 6.2
    "6.2 headers of the connection": (PROTOCOL_ERROR, lambda p: p.head(0)),
    "6.2 a block of the connection": (PROTOCOL_ERROR, lambda p: p.head(0, 0)),
    "6.2 more padding than headers": (
        PROTOCOL_ERROR,
        lambda p: f.frame(f.HEADERS, f.END_HEADERS | f.PADDED, 1, b"\xff" + p.block()),
    ),
    "6.2 a priority that is cut off": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.HEADERS, f.END_HEADERS | f.PRIORITIZED, 1, b"\0\0"),
    ),
    # 6.3
    "6.3 a priority of the connection": (
        PROTOCOL_ERROR,
        lambda _: f.frame(f.PRIORITY, 0, 0, bytes(5)),
    ),
    "6.3 a priority of the wrong length on an idle stream": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.PRIORITY, 0, 1, bytes(4)),
    ),
    # 6.4
    "6.4 a reset of the connection": (PROTOCOL_ERROR, lambda _: f.rst_stream(0, 8)),
    "6.4 a reset of the wrong length": (
        FRAME_SIZE_ERROR,
        lambda p: opened(p, f.frame(f.RST_STREAM, 0, 1, bytes(3))),
    ),
    # 6.5
    "6.5 an acknowledgement with a payload": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.SETTINGS, f.ACK, 0, bytes(6)),
    ),
    "6.5 settings of a stream": (
        PROTOCOL_ERROR,
        lambda _: f.frame(f.SETTINGS, 0, 1, bytes(6)),
    ),
    "6.5 settings of the wrong length": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.SETTINGS, 0, 0, bytes(7)),
    ),
    "6.5.2 a push that is neither on nor off": (PROTOCOL_ERROR, lambda _: f.settings({2: 2})),
    "6.5.2 an initial window that is too large": (
        FLOW_CONTROL_ERROR,
        lambda _: f.settings({4: 2**31}),
    ),
    "6.5.2 a frame size below the least": (PROTOCOL_ERROR, lambda _: f.settings({5: 2**14 - 1})),
    "6.5.2 a frame size above the most": (PROTOCOL_ERROR, lambda _: f.settings({5: 2**24})),
    # 6.6
    "6.6 a push": (PROTOCOL_ERROR, lambda p: opened(p, f.frame(f.PUSH_PROMISE, 4, 1, bytes(8)))),
    # 6.7
    "6.7 a ping of a stream": (PROTOCOL_ERROR, lambda _: f.frame(f.PING, 0, 1, bytes(8))),
    "6.7 a ping of the wrong length": (FRAME_SIZE_ERROR, lambda _: f.frame(f.PING, 0, 0, bytes(7))),
    # 6.8
    "6.8 a farewell of a stream": (
        PROTOCOL_ERROR,
        lambda _: f.frame(f.GOAWAY, 0, 1, bytes(8)),
    ),
    "6.8 a farewell that is cut off": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.GOAWAY, 0, 0, bytes(7)),
    ),
    # 6.9
    "6.9 a window of the connection that does not grow": (
        PROTOCOL_ERROR,
        lambda _: f.window_update(0, 0),
    ),
    "6.9 a window of the wrong length": (
        FRAME_SIZE_ERROR,
        lambda _: f.frame(f.WINDOW_UPDATE, 0, 0, bytes(3)),
    ),
    "6.9.1 a window of the connection that is too large": (
        FLOW_CONTROL_ERROR,
        lambda _: f.window_update(0, f.MAX_WINDOW),
    ),
    "6.9.2 an initial window that makes a stream's too large": (
        FLOW_CONTROL_ERROR,
        lambda p: (
            opened(p, f.window_update(1, f.MAX_WINDOW - f.DEFAULT_WINDOW))
            + f.settings({4: f.DEFAULT_WINDOW + 1})
        ),
    ),
    # 6.10
    "6.10 a continuation after the end of a block": (
        PROTOCOL_ERROR,
        lambda p: opened(p, f.frame(f.CONTINUATION, f.END_HEADERS, 1, b"")),
    ),
    "6.10 a continuation of the connection": (
        PROTOCOL_ERROR,
        lambda p: p.head(1, 0) + f.frame(f.CONTINUATION, f.END_HEADERS, 0, b""),
    ),
    "6.10 a continuation of another stream": (
        PROTOCOL_ERROR,
        lambda p: p.head(1, 0) + f.frame(f.CONTINUATION, f.END_HEADERS, 3, b""),
    ),
}


@pytest.mark.parametrize("case", ENDS_CONNECTION)
def test_what_breaks_the_connection_ends_it_with_the_right_code(case: str) -> None:
    code, provoke = ENDS_CONNECTION[case]
    peer = Peer()

    seen = peer.say(provoke(peer))

    assert goaway_of(seen) == code
    assert peer.connection.is_ended
    assert not peer.is_alive()


ENDS_STREAM: dict[str, tuple[int, Provoke]] = {
    "5.1 data after the end of a request": (
        STREAM_CLOSED,
        lambda p: half_closed(p, f.frame(f.DATA, f.END_STREAM, 1, b"x")),
    ),
    "5.1 headers after the end of a request": (
        STREAM_CLOSED,
        lambda p: half_closed(p) + p.head(1, f.END_HEADERS | f.END_STREAM),
    ),
    "6.3 a priority of the wrong length": (
        FRAME_SIZE_ERROR,
        lambda p: opened(p, f.frame(f.PRIORITY, 0, 1, bytes(4))),
    ),
    "6.9 a stream's window that does not grow": (
        PROTOCOL_ERROR,
        lambda p: opened(p, f.window_update(1, 0)),
    ),
    "6.9.1 a stream's window that is too large": (
        FLOW_CONTROL_ERROR,
        lambda p: opened(p, f.window_update(1, f.MAX_WINDOW)),
    ),
    "8.1 trailers that do not end the request": (
        PROTOCOL_ERROR,
        lambda p: p.head(1) + p.head(1, f.END_HEADERS, [("x-trailer", "1")]),
    ),
    "8.1 a pseudo-header among trailers": (
        PROTOCOL_ERROR,
        lambda p: p.head(1) + p.head(1, f.END_HEADERS | f.END_STREAM, [(":path", "/")]),
    ),
    "8.1.1 a length that is not the body's": (
        PROTOCOL_ERROR,
        lambda p: (
            p.head(1, f.END_HEADERS, headers_with(("content-length", "1")))
            + f.frame(f.DATA, f.END_STREAM, 1, b"test")
        ),
    ),
    "8.1.1 a length that is not the frames' sum": (
        PROTOCOL_ERROR,
        lambda p: (
            p.head(1, f.END_HEADERS, headers_with(("content-length", "9")))
            + f.frame(f.DATA, 0, 1, b"test")
            + f.frame(f.DATA, f.END_STREAM, 1, b"test")
        ),
    ),
    "8.2.1 an upper-case name": (PROTOCOL_ERROR, sent(headers_with(("X-Test", "ok")))),
    "8.2.1 a name with a space": (PROTOCOL_ERROR, sent(headers_with(("x test", "ok")))),
    "8.2.1 an empty name": (PROTOCOL_ERROR, sent(headers_with(("", "ok")))),
    "8.2.1 a value with a line feed": (PROTOCOL_ERROR, sent(headers_with(("x-test", "a\nb")))),
    "8.2.1 a value with NUL": (PROTOCOL_ERROR, sent(headers_with(("x-test", "a\0b")))),
    "8.2.1 a value that begins with a space": (PROTOCOL_ERROR, sent(headers_with(("x", " a")))),
    "8.2.1 a value that ends with a tab": (PROTOCOL_ERROR, sent(headers_with(("x", "a\t")))),
    "8.2.2 connection": (PROTOCOL_ERROR, sent(headers_with(("connection", "keep-alive")))),
    "8.2.2 transfer-encoding": (
        PROTOCOL_ERROR,
        sent(headers_with(("transfer-encoding", "chunked"))),
    ),
    "8.2.2 te other than trailers": (
        PROTOCOL_ERROR,
        sent(headers_with(("te", "trailers, deflate"), without="te")),
    ),
    "8.3 an unknown pseudo-header": (
        PROTOCOL_ERROR,
        sent([(":test", "ok"), *HEADERS]),
    ),
    "8.3 a pseudo-header of answers": (PROTOCOL_ERROR, sent([(":status", "200"), *HEADERS])),
    "8.3 a pseudo-header after a header": (
        PROTOCOL_ERROR,
        sent([*headers_with(without=":path"), (":path", "/")]),
    ),
    "8.3.1 an empty path": (PROTOCOL_ERROR, sent([(":path", ""), *headers_with(without=":path")])),
    "8.3.1 no method": (PROTOCOL_ERROR, sent(headers_with(without=":method"))),
    "8.3.1 no scheme": (PROTOCOL_ERROR, sent(headers_with(without=":scheme"))),
    "8.3.1 no path": (PROTOCOL_ERROR, sent(headers_with(without=":path"))),
    "8.3.1 two methods": (PROTOCOL_ERROR, sent([(":method", "GET"), *HEADERS])),
    "8.3.1 two schemes": (PROTOCOL_ERROR, sent([(":scheme", "http"), *HEADERS])),
    "8.3.1 two paths": (PROTOCOL_ERROR, sent([(":path", "/"), *HEADERS])),
}


@pytest.mark.parametrize("case", ENDS_STREAM)
def test_what_breaks_a_request_ends_only_that_one(case: str) -> None:
    code, provoke = ENDS_STREAM[case]
    peer = Peer()

    seen = peer.say(provoke(peer))

    assert goaway_of(seen) is None
    assert reset_of(seen) == code
    assert not any(frame.kind == f.DATA for frame in seen)
    peer.echo.at_once = True
    assert peer.is_alive()


IS_FINE: dict[str, Provoke] = {
    "4.1 unknown frames": lambda _: f.frame(0xEE, 0xFF, 7, b"what"),
    "4.1 unknown flags": lambda _: f.frame(f.PING, 0xF0, 0, bytes(8)),
    "4.1 the reserved bit": lambda _: (
        f.frame(f.PING, 0, 0, bytes(8))[:5] + b"\x80\0\0\0" + bytes(8)
    ),
    "5.1 a window of a closed stream": lambda p: closed(p, f.window_update(1, 8)),
    "5.1 a priority of an idle stream": lambda _: f.frame(f.PRIORITY, 0, 9, bytes(5)),
    "5.1 a priority of a closed stream": lambda p: closed(p, f.frame(f.PRIORITY, 0, 1, bytes(5))),
    "5.1 a reset of a closed stream": lambda p: closed(p, f.rst_stream(1, 8)),
    "5.1.1 numbers that are left out": lambda p: p.request(101),
    "5.3 a priority with headers": lambda p: (
        f.frame(f.HEADERS, f.END_HEADERS | f.PRIORITIZED, 1, bytes(5) + p.block())
        + f.frame(f.DATA, f.END_STREAM, 1, b"body")
    ),
    "6.1 padded data": lambda p: opened(p, f.frame(f.DATA, PADDED_END, 1, b"\x02body\0\0")),
    "6.2 padded headers": lambda p: (
        f.frame(f.HEADERS, f.END_HEADERS | f.PADDED, 1, b"\x02" + p.block() + bytes(2))
        + f.frame(f.DATA, f.END_STREAM, 1, b"body")
    ),
    "6.5.2 unknown settings": lambda _: f.settings({0xFFFF: 1}),
    "6.5.3 an acknowledgement": lambda _: f.frame(f.SETTINGS, f.ACK, 0),
    "6.7 an answer that nobody asked for": lambda _: f.frame(f.PING, f.ACK, 0, bytes(8)),
    "6.8 a farewell": lambda _: f.goaway(0, 0, "bye"),
    "8.1 trailers": lambda p: p.head(1) + p.head(1, f.END_HEADERS | f.END_STREAM, [("x", "1")]),
    "8.2 cookies in pieces": sent(headers_with(("cookie", "a=b"), ("cookie", "c=d"))),
}


@pytest.mark.parametrize("case", IS_FINE)
def test_what_is_allowed_ends_nothing(case: str) -> None:
    peer = Peer()

    seen = peer.say(IS_FINE[case](peer))

    assert goaway_of(seen) is None
    assert reset_of(seen) is None
    assert peer.is_alive()


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"])
def test_3_4_what_is_not_http2_is_refused(junk: bytes) -> None:
    peer = Peer(greet=False)

    assert goaway_of(peer.say(junk)) == PROTOCOL_ERROR


@pytest.mark.parametrize(
    "first", [f.frame(f.PING, 0, 0, bytes(8)), f.frame(f.SETTINGS, f.ACK, 0), f.frame(0xEE, 0, 0)]
)
def test_3_4_settings_come_first(first: bytes) -> None:
    peer = Peer(greet=False)

    assert goaway_of(peer.say(f.PREFACE, first)) == PROTOCOL_ERROR


def test_3_4_the_server_begins_with_its_settings() -> None:
    assert Peer(greet=False).greeting[0].kind == f.SETTINGS


def test_5_1_2_more_streams_than_allowed_are_refused_and_others_served() -> None:
    peer = Peer(limits=Limits(streams=2), echo=Echo(at_once=False))

    seen = peer.say(peer.request(1), peer.request(3), peer.request(5))

    assert reset_of(seen) == REFUSED_STREAM
    assert [stream for stream, _ in peer.echo.wholes] == [1, 3]
    peer.echo.answer(1, b"done")
    assert peer.say(peer.request(7)) is not None
    assert peer.echo.wholes[-1][0] == 7


def test_5_1_what_was_on_its_way_to_a_reset_stream_is_ignored() -> None:
    peer = Peer()
    assert reset_of(peer.say(sent(headers_with(("Upper", "x")))(peer))) == PROTOCOL_ERROR

    late = (f.frame(f.DATA, 0, 1, b"x"), peer.head(1, f.END_HEADERS | f.END_STREAM))

    assert peer.say(*late) == []
    assert peer.is_alive()


def test_6_5_3_settings_are_acknowledged() -> None:
    seen = Peer().say(f.settings({4: 100}))

    assert [(frame.kind, frame.flags) for frame in seen] == [(f.SETTINGS, f.ACK)]


def test_6_7_a_ping_comes_back_with_its_payload() -> None:
    seen = Peer().say(f.frame(f.PING, 0, 0, b"12345678"))

    assert [(frame.kind, frame.flags, frame.payload) for frame in seen] == [
        (f.PING, f.ACK, b"12345678")
    ]


def test_6_9_more_than_a_streams_window_ends_the_stream() -> None:
    peer = Peer(limits=Limits(message_size=10))

    over = [f.frame(f.DATA, 0, 1, bytes(f.MAX_FRAME_SIZE)) for _ in range(3)]
    peer.echo.gradual = True
    seen = peer.say(peer.head(1), *over)

    assert reset_of(seen) == FLOW_CONTROL_ERROR


def test_6_9_more_than_the_connections_window_ends_the_connection() -> None:
    peer = Peer(limits=Limits(received=70_000), echo=Echo(gradual=True))

    seen = peer.say(peer.head(1), *(f.frame(f.DATA, 0, 1, bytes(16_000)) for _ in range(5)))

    assert goaway_of(seen) == FLOW_CONTROL_ERROR
