import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.grpc_wire import CallError, MessageSplitter, Status


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(0, 300), max_size=6))
def test_messages_come_out_however_the_body_is_split(
    messages: list[bytes], cuts: list[int]
) -> None:
    body = b"".join(map(wire.prefixed, messages))
    splitter = MessageSplitter(max_size=100)
    found, previous = [], 0
    for cut in [*sorted({min(cut, len(body)) for cut in cuts}), len(body)]:
        splitter.add(body[previous:cut])
        found += iter(splitter.take, None)
        previous = cut
    splitter.finish()

    assert found == messages


def test_a_body_that_ends_within_a_message_is_refused() -> None:
    splitter = MessageSplitter(max_size=100)
    splitter.add(wire.prefixed(b"message")[:-1])
    assert splitter.take() is None

    with pytest.raises(CallError):
        splitter.finish()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", Status.INTERNAL, id="nothing"),
        pytest.param(b"\0\0\0\0", Status.INTERNAL, id="less than a prefix"),
        pytest.param(wire.prefixed(b"a")[:-1], Status.INTERNAL, id="cut off"),
        pytest.param(wire.prefixed(b"a") * 2, Status.INTERNAL, id="two messages"),
        pytest.param(b"\1\0\0\0\1a", Status.UNIMPLEMENTED, id="compressed"),
        pytest.param(wire.prefixed(b"a" * 11), Status.RESOURCE_EXHAUSTED, id="too large"),
    ],
)
def test_a_body_that_is_not_one_message_is_refused(body: bytes, status: Status) -> None:
    with pytest.raises(CallError) as caught:
        wire.only_message(body, max_size=10)
    assert caught.value.status is status


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"", None), (b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"250m", 0.25), (b"10u", 1e-5)],
)
def test_timeouts_are_read(text: bytes, seconds: float | None) -> None:
    assert wire.read_timeout(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"1", b"S", b"-1S", b"123456789S", b"1s", b"1S "])
def test_malformed_timeouts_are_refused(text: bytes) -> None:
    with pytest.raises(CallError):
        wire.read_timeout(text)


def test_blocks_are_read_by_another_implementation() -> None:
    decoder = Decoder()

    assert decoder.decode(wire.HEADERS) == [
        (":status", "200"),
        ("content-type", "application/grpc"),
    ]
    assert decoder.decode(wire.OK_TRAILERS) == [("grpc-status", "0")]
    assert decoder.decode(wire.trailers_only(Status.NOT_FOUND, "nö 100 %")) == [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "5"),
        ("grpc-message", "n%C3%B6 100 %25"),
    ]


@given(st.text(max_size=400), st.sampled_from(Status))
def test_whatever_the_message_the_trailers_can_be_read(message: str, status: Status) -> None:
    headers = dict(Decoder().decode(wire.trailers(status, message)))

    assert headers["grpc-status"] == str(int(status))
    assert headers.get("grpc-message", "").isascii()
