from collections.abc import Callable, ValuesView

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from authsvc.extauthz.fastlane import frames as f
from authsvc.extauthz.fastlane.faults import CANCEL, ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream
from tests.fakes.http2_peer import Echo, Peer, goaway_of, reset_of


def test_a_request_is_answered_with_headers_data_and_trailers() -> None:
    peer = Peer()

    seen = peer.say(peer.request(1, b"hello"))

    assert [(frame.kind, frame.flags, frame.stream) for frame in seen] == [
        (f.HEADERS, f.END_HEADERS, 1),
        (f.DATA, 0, 1),
        (f.HEADERS, f.END_HEADERS | f.END_STREAM, 1),
    ]
    assert seen[1].payload == b"hello"
    assert peer.connection.streams == 0


@given(cuts=st.lists(st.integers(0, 600), max_size=20))
def test_however_the_bytes_are_split_the_same_comes_out(cuts: list[int]) -> None:
    whole, split = Peer(greet=False), Peer(greet=False)
    encoder = Peer(greet=False)
    data = f.PREFACE + f.settings({f.INITIAL_WINDOW_SIZE: 100}) + encoder.request(1, b"a" * 150)
    block = encoder.block()
    data += f.frame(f.HEADERS, 0, 3, block[:2])
    data += f.frame(f.CONTINUATION, f.END_HEADERS, 3, block[2:])
    data += f.frame(f.DATA, f.END_STREAM, 3, b"b") + f.window_update(1, 100)
    expected = whole.say(data)

    heard = []
    previous = 0
    for cut in [*sorted({min(cut, len(data)) for cut in cuts}), len(data)]:
        heard += split.say(data[previous:cut])
        previous = cut

    assert heard == expected
    assert split.echo.wholes == whole.echo.wholes


FRAMES = st.one_of(
    st.builds(
        f.frame,
        kind=st.integers(0, 11),
        flags=st.integers(0, 255),
        stream_id=st.integers(0, 9),
        payload=st.binary(max_size=40),
    ),
    st.builds(f.window_update, st.integers(0, 9), st.integers(0, 2**31 - 1)),
    st.builds(f.rst_stream, st.integers(0, 9), st.integers(0, 20)),
    st.binary(max_size=20),
    st.integers(0, 4).map(lambda n: ("request", 2 * n + 1)),
)


@given(st.lists(FRAMES, max_size=30), st.booleans(), st.booleans())
def test_whatever_comes_nothing_is_raised_and_nothing_is_left_behind(
    parts: list[bytes | tuple[str, int]], gradual: bool, at_once: bool
) -> None:
    peer = Peer(echo=Echo(gradual=gradual, at_once=at_once and not gradual))

    for part in parts:
        peer.say(peer.request(part[1]) if isinstance(part, tuple) else part)

    opened = set(peer.echo.streams)
    peer.connection.abandon()
    assert peer.connection.streams == 0
    answered = {stream for stream, _ in peer.echo.wholes} if peer.echo.at_once else set()
    assert opened - set(peer.echo.resets) <= answered


def test_an_answer_waits_for_the_window_and_goes_on_as_it_grows() -> None:
    peer = Peer()
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 3}))

    first = peer.say(peer.request(1, b"hello"))
    second = peer.say(f.window_update(1, 1))
    third = peer.say(f.window_update(1, 9))

    assert [frame.payload for frame in first if frame.kind == f.DATA] == [b"hel"]
    assert [frame.payload for frame in second if frame.kind == f.DATA] == [b"l"]
    assert [frame.payload for frame in third if frame.kind == f.DATA] == [b"o"]
    assert third[-1].flags & f.END_STREAM
    assert peer.connection.streams == 0


def test_a_window_that_settings_make_negative_is_kept_to() -> None:
    peer = Peer()
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 4}))
    peer.say(peer.request(1, b"hello"))

    assert peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 0}))[-1].kind == f.SETTINGS
    assert not any(frame.kind == f.DATA for frame in peer.say(f.window_update(1, 4)))
    assert any(frame.kind == f.DATA for frame in peer.say(f.window_update(1, 1)))


def test_the_connections_window_holds_for_all_streams_together() -> None:
    peer = Peer()
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: f.MAX_WINDOW}))

    seen = peer.say(*(peer.request(2 * n + 1, bytes(16_000)) for n in range(5)))

    assert sum(len(frame.payload) for frame in seen if frame.kind == f.DATA) == f.DEFAULT_WINDOW
    more = peer.say(f.window_update(0, 100_000))
    assert sum(len(frame.payload) for frame in more if frame.kind == f.DATA) == (
        5 * 16_000 - f.DEFAULT_WINDOW
    )


def test_no_frame_is_larger_than_the_peer_takes() -> None:
    peer = Peer(limits=Limits(message_size=100_000))
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 200_000}), f.window_update(0, 200_000))
    body = [bytes(10_000)] * 7

    seen = peer.say(
        peer.head(1),
        *(f.frame(f.DATA, 0, 1, part) for part in body),
        f.frame(f.DATA, f.END_STREAM, 1),
    )

    sizes = [len(frame.payload) for frame in seen if frame.kind == f.DATA]
    assert sum(sizes) == 70_000
    assert max(sizes) <= f.MAX_FRAME_SIZE


def test_room_is_given_back_for_what_was_used() -> None:
    peer = Peer(limits=Limits(received=100_000))

    for number in range(20):
        seen = peer.say(peer.request(2 * number + 1, bytes(15_000)))
        assert goaway_of(seen) is None, number


def test_room_is_given_back_for_requests_that_were_taken_back() -> None:
    peer = Peer(limits=Limits(received=100_000), echo=Echo(gradual=True))

    for number in range(20):
        stream = 2 * number + 1
        seen = peer.say(
            peer.head(stream),
            f.frame(f.DATA, 0, stream, bytes(15_000)),
            f.rst_stream(stream, CANCEL),
        )
        assert goaway_of(seen) is None, number


def test_a_body_that_is_wanted_as_it_comes_makes_room_when_it_is_used() -> None:
    peer = Peer(limits=Limits(message_size=20_000), echo=Echo(gradual=True))
    peer.say(peer.head(1))

    for number in range(10):
        seen = peer.say(f.frame(f.DATA, 0, 1, bytes(10_000)))
        assert reset_of(seen) is None, number
        peer.connection.give_room(peer.echo.streams[1], 10_000)
        assert peer.heard()[-1].kind == f.WINDOW_UPDATE


def test_a_message_above_the_limit_is_refused_and_its_rest_ignored() -> None:
    peer = Peer(limits=Limits(message_size=100))

    seen = peer.say(peer.head(1), f.frame(f.DATA, 0, 1, bytes(106)))

    assert seen[-2].flags & f.END_STREAM
    assert reset_of(seen) == NO_ERROR
    assert peer.say(f.frame(f.DATA, f.END_STREAM, 1, bytes(10))) == []
    assert peer.is_alive()


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(lambda _: f.frame(f.PING, 0, 0, bytes(8)), id="pings"),
        pytest.param(lambda _: f.settings({}), id="settings"),
        pytest.param(lambda n: f.frame(f.PRIORITY, 0, 2 * n + 1, bytes(5)), id="priorities"),
        pytest.param(lambda _: f.frame(0xEE, 0, 0), id="unknown frames"),
    ],
)
def test_floods_of_frames_that_say_nothing_end_the_connection(
    flood: Callable[[int], bytes],
) -> None:
    peer = Peer(limits=Limits(control_frames=50))

    seen = peer.say(*(flood(number) for number in range(60)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM


def test_empty_data_without_end_ends_the_connection() -> None:
    peer = Peer(limits=Limits(control_frames=50))

    seen = peer.say(peer.head(1), *(f.frame(f.DATA, 0, 1) for _ in range(60)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM


def test_a_rapid_reset_ends_the_connection() -> None:
    peer = Peer(limits=Limits(resets=50), echo=Echo(at_once=False))

    seen = peer.say(*(peer.request(2 * n + 1) + f.rst_stream(2 * n + 1, CANCEL) for n in range(60)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM
    assert peer.connection.streams == 0


def test_resets_that_keep_to_the_pace_go_on_for_ever() -> None:
    peer = Peer(limits=Limits(resets=50), echo=Echo(at_once=False))

    for number in range(200):
        peer.now += 0.05
        seen = peer.say(peer.request(2 * number + 1), f.rst_stream(2 * number + 1, CANCEL))
        assert goaway_of(seen) is None


def test_continuations_without_end_end_the_connection() -> None:
    peer = Peer()

    seen = peer.say(peer.head(1, 0), *(f.frame(f.CONTINUATION, 0, 1, b"") for _ in range(70)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM


def test_a_block_above_the_limit_ends_the_connection() -> None:
    peer = Peer(limits=Limits(header_block_size=1000))

    seen = peer.say(peer.head(1, 0), f.frame(f.CONTINUATION, 0, 1, bytes(1001)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM


def test_answers_that_nobody_takes_end_the_connection() -> None:
    peer = Peer(limits=Limits(unsent=10_000))
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 0}))

    seen = peer.say(*(peer.request(2 * n + 1, bytes(1000)) for n in range(20)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM
    assert peer.connection.streams == 0


def test_a_request_that_does_not_become_whole_is_ended() -> None:
    peer = Peer(limits=Limits(request_seconds=10))
    peer.say(peer.head(1))

    peer.connection.tick(peer.now + 9)
    assert peer.heard() == []
    peer.connection.tick(peer.now + 10)

    assert reset_of(peer.heard()) == CANCEL
    assert peer.echo.resets == [1]


def test_an_idle_connection_is_ended() -> None:
    peer = Peer(limits=Limits(idle_seconds=60))
    peer.say(peer.request(1))

    peer.connection.tick(peer.now + 59)
    assert not peer.connection.is_ended
    peer.connection.tick(peer.now + 60)

    assert goaway_of(peer.heard()) == NO_ERROR
    assert peer.connection.is_ended


def test_a_connection_that_waits_for_an_answer_is_not_idle() -> None:
    peer = Peer(limits=Limits(idle_seconds=60), echo=Echo(at_once=False))
    peer.say(peer.request(1))

    peer.connection.tick(peer.now + 61)

    assert not peer.connection.is_ended


def test_an_old_connection_is_asked_to_go_and_answers_what_comes_meanwhile() -> None:
    peer = Peer(limits=Limits(age_seconds=60))

    peer.connection.tick(peer.now + 60)
    first, ping = peer.heard()

    assert (first.kind, first.code, first.payload[:4]) == (f.GOAWAY, NO_ERROR, b"\x7f\xff\xff\xff")
    assert any(frame.kind == f.DATA for frame in peer.say(peer.request(1)))
    seen = peer.say(f.frame(f.PING, f.ACK, 0, ping.payload))
    assert seen[0].payload[:4] == (1).to_bytes(4)
    assert peer.connection.is_ended


def test_draining_answers_what_was_asked_and_refuses_what_comes_after() -> None:
    peer = Peer(echo=Echo(at_once=False))
    peer.say(peer.request(1))
    peer.connection.drain()
    peer.connection.refuse_more()
    peer.heard()

    assert peer.say(peer.request(3)) == []
    assert not peer.connection.is_ended
    peer.echo.answer(1, b"done")

    assert any(frame.payload == b"done" for frame in peer.heard())
    assert peer.connection.is_ended
    assert peer.echo.wholes == [(1, b"body")]


def test_after_the_end_nothing_is_read() -> None:
    peer = Peer()
    assert goaway_of(peer.say(f.frame(f.PING, 0, 1, bytes(8)))) == PROTOCOL_ERROR

    assert peer.say(peer.request(1)) == []
    assert peer.echo.wholes == []


def test_a_peer_that_shrinks_our_table_is_told_that_it_is_not_used() -> None:
    client = Decoder()
    peer = Peer()

    def blocks(*said: bytes) -> list[list[tuple[str, str]]]:
        seen = peer.say(*said)
        return [client.decode(frame.payload) for frame in seen if frame.kind == f.HEADERS]

    client.max_allowed_table_size = 0
    assert len(blocks(f.settings({f.HEADER_TABLE_SIZE: 0}), peer.request(1))) == 2
    assert len(blocks(f.settings({f.HEADER_TABLE_SIZE: 10}), peer.request(3))) == 2


def test_an_answer_that_waits_is_given_before_the_rest_of_its_request_is_refused() -> None:
    peer = Peer(echo=Echo(gradual=True))
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 3}), peer.head(1))

    peer.echo.answer(1, b"hello")
    first = peer.heard()
    meanwhile = peer.say(f.frame(f.DATA, 0, 1, b"more"))
    last = peer.say(f.window_update(1, 9))

    assert [frame.kind for frame in first] == [f.HEADERS, f.DATA]
    assert meanwhile == []
    assert [frame.kind for frame in last] == [f.DATA, f.HEADERS, f.RST_STREAM]
    assert reset_of(last) == NO_ERROR
    assert peer.connection.streams == 0


def test_a_request_that_ended_before_its_answer_did_is_not_reset() -> None:
    peer = Peer(echo=Echo(gradual=True))
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 3}), peer.head(1))
    peer.echo.answer(1, b"hello")
    peer.say(f.frame(f.DATA, f.END_STREAM, 1, b"more"))

    last = peer.say(f.window_update(1, 9))

    assert [frame.kind for frame in last][-2:] == [f.DATA, f.HEADERS]
    assert peer.connection.streams == 0


def test_a_whole_request_that_is_refused_is_not_reset_as_well() -> None:
    class Refusing(Echo):
        def opened(self, stream: Stream) -> bool:
            self.connection.outbox.headers(stream, b"\x88", is_last=True)
            self.connection.finish(stream)
            return False

    peer = Peer(echo=Refusing())

    assert reset_of(peer.say(peer.head(1, f.END_HEADERS | f.END_STREAM))) is None
    assert reset_of(peer.say(peer.head(3))) == NO_ERROR


def test_a_message_above_the_limit_that_is_whole_is_not_reset_as_well() -> None:
    peer = Peer(limits=Limits(message_size=100))

    seen = peer.say(peer.head(1), f.frame(f.DATA, f.END_STREAM, 1, bytes(106)))

    assert seen[-1].kind == f.HEADERS


def test_an_answer_that_nobody_takes_is_ended() -> None:
    peer = Peer(limits=Limits(request_seconds=10))
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 0}), peer.request(1))

    peer.connection.tick(peer.now + 10)

    assert reset_of(peer.heard()) == CANCEL
    assert peer.connection.streams == 0


@pytest.mark.parametrize(
    "provoke",
    [
        pytest.param(lambda n: f.window_update(n, 0), id="windows that do not grow"),
        pytest.param(lambda n: f.window_update(n, f.MAX_WINDOW), id="windows too large"),
        pytest.param(lambda n: f.frame(f.PRIORITY, 0, n, b""), id="priorities of nothing"),
        pytest.param(lambda n: f.frame(f.DATA, 0, n, b"x"), id="data after the end"),
    ],
)
def test_provoking_resets_is_no_way_around_their_limit(provoke: Callable[[int], bytes]) -> None:
    peer = Peer(limits=Limits(resets=50), echo=Echo(at_once=False))

    seen = peer.say(*(peer.request(2 * n + 1) + provoke(2 * n + 1) for n in range(60)))

    assert goaway_of(seen) == ENHANCE_YOUR_CALM
    assert peer.connection.streams == 0


def test_a_peer_that_does_not_greet_is_not_waited_for() -> None:
    peer = Peer(limits=Limits(greeting_seconds=10), greet=False)
    peer.say(f.PREFACE)

    peer.connection.tick(peer.now + 9)
    assert not peer.connection.is_ended
    peer.connection.tick(peer.now + 10)

    assert peer.connection.is_ended


def test_an_old_connection_goes_even_if_its_peer_does_not_answer() -> None:
    peer = Peer(limits=Limits(age_seconds=60, request_seconds=10))
    peer.connection.tick(peer.now + 60)
    assert not peer.connection.is_ended

    peer.connection.tick(peer.now + 70)

    assert peer.connection.is_ended


def test_a_body_in_small_pieces_takes_no_more_room_than_one_in_large_ones() -> None:
    peer = Peer(echo=Echo(at_once=False))
    said = f.frame(f.DATA, 0, 1, b"ab") * 1000
    peer.say(peer.head(1), f.frame(f.DATA, 0, 1, bytes(2000)) * 2, said)

    assert len(peer.echo.streams[1].body) == 3
    peer.say(f.frame(f.DATA, f.END_STREAM, 1, b"end"))
    assert peer.echo.wholes == [(1, bytes(4000) + b"ab" * 1000 + b"end")]


def test_widening_looks_only_at_streams_that_may_send() -> None:
    peer = Peer()
    peer.say(f.settings({f.INITIAL_WINDOW_SIZE: 0}))
    peer.say(*(peer.request(2 * n + 1) for n in range(500)))
    looked = 0

    class Watched(dict[int, Stream]):
        def values(self) -> ValuesView[Stream]:
            nonlocal looked
            looked += len(self)
            return super().values()

    outbox = peer.connection.outbox
    outbox._blocked = Watched(outbox._blocked)

    seen = peer.say(f.window_update(0, 1) * 100, f.window_update(999, 1) * 3)

    assert sum(len(frame.payload) for frame in seen if frame.kind == f.DATA) == 3
    assert looked < 10


def test_room_that_is_used_again_is_given_back_before_much_of_it_is_gone() -> None:
    peer = Peer(limits=Limits(received=160_000, message_size=50_000), echo=Echo(at_once=False))
    peer.echo.at_once = True
    peer.say(*(peer.request(2 * n + 1, bytes(15_000)) for n in range(5)))
    peer.echo.at_once = False

    seen = peer.say(
        *(
            peer.head(stream) + f.frame(f.DATA, 0, stream, bytes(15_000)) * 3
            for stream in (101, 103, 105)
        )
    )

    assert goaway_of(seen) is None
