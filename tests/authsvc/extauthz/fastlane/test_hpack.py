import pytest
from hpack import Decoder as OtherDecoder
from hpack import Encoder, HPACKError
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from authsvc.extauthz.fastlane.faults import ENHANCE_YOUR_CALM, CompressionError, ConnectionFault
from authsvc.extauthz.fastlane.hpack import TABLE_SIZE, Decoder
from authsvc.extauthz.fastlane.static_table import STATIC

MAX = 64 * 1024
# Few names and values, so that the table is used, and some of any bytes.
NAMES = st.sampled_from([b":path", b"te", b"x-a", b"x-b", b"cookie"]) | st.binary(max_size=30)
VALUES = st.sampled_from([b"", b"/", b"trailers", b"v" * 900]) | st.binary(max_size=60)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


def decoder() -> Decoder:
    return Decoder(max_list_size=MAX)


def test_the_static_table_is_that_of_the_rfc() -> None:
    assert STATIC[1:] == tuple(HeaderTable.STATIC_TABLE)


@given(
    blocks=st.lists(st.tuples(FIELDS, st.booleans(), st.none() | st.integers(0, 4096)), max_size=8)
)
def test_whatever_another_implementation_encodes_comes_back(
    blocks: list[tuple[list[tuple[bytes, bytes]], bool, int | None]],
) -> None:
    encoder, ours = Encoder(), decoder()
    for fields, huffman, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        assert ours.decode(encoder.encode(fields, huffman=huffman)) == fields


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_the_bytes_both_implementations_read_the_same_or_refuse(
    blocks: list[bytes],
) -> None:
    ours, other = decoder(), OtherDecoder(max_header_list_size=MAX)
    for block in blocks:
        try:
            expected = other.decode(block, raw=True)
        except HPACKError:
            with pytest.raises(ConnectionFault):
                ours.decode(block)
            return
        except IndexError:  # the other one's way of saying that a block is cut off
            return
        try:
            assert ours.decode(block) == [tuple(field) for field in expected]
        except CompressionError as error:
            # Ours refuses integers that nothing needs, and changes of size that follow others.
            assert "integer" in str(error) or "table" in str(error)  # noqa: PT017 - only on errors
            return


def test_the_same_block_means_something_else_after_the_table_changed() -> None:
    encoder, ours = Encoder(), decoder()
    ours.decode(encoder.encode([(b"x-a", b"1")]))
    block = b"\xbe"  # the newest entry
    assert ours.decode(block) == [(b"x-a", b"1")]
    assert ours.decode(block) == [(b"x-a", b"1")]

    ours.decode(encoder.encode([(b"x-b", b"2")]))

    assert ours.decode(block) == [(b"x-b", b"2")]


def test_the_same_block_means_nothing_after_the_table_was_emptied() -> None:
    ours = decoder()
    ours.decode(Encoder().encode([(b"x-a", b"1")]))
    assert ours.decode(b"\xbe") == [(b"x-a", b"1")]

    ours.decode(b"\x20")  # no table

    with pytest.raises(CompressionError):
        ours.decode(b"\xbe")


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="an entry that is not there"),
        pytest.param(b"\x40\x01", id="cut off in a name"),
        pytest.param(b"\x40\x01a", id="cut off before a value"),
        pytest.param(b"\x82\x20", id="a change of size after a field"),
        pytest.param(b"\x20\x20\x20", id="three changes of size"),
        pytest.param(b"\x3f\xe2\x1f", id="a table above the allowed size"),
        pytest.param(b"\xff\x80\x80\x80\x80\x80\x80\x80", id="an integer without end"),
        pytest.param(b"\xff" + b"\xff" * 9 + b"\x01", id="an integer of 64 bits"),
    ],
)
def test_what_is_no_block_is_refused(block: bytes) -> None:
    with pytest.raises(CompressionError):
        decoder().decode(block)


def test_a_small_block_cannot_become_a_large_list() -> None:
    ours = decoder()
    ours.decode(Encoder().encode([(b"x-bomb", b"v" * 4000)]))

    with pytest.raises(ConnectionFault) as caught:
        ours.decode(b"\xbe" * 1000)

    assert caught.value.code == ENHANCE_YOUR_CALM


def test_the_table_stays_within_its_size() -> None:
    ours = decoder()
    encoder = Encoder()

    for number in range(500):
        ours.decode(encoder.encode([(b"x-a", b"%d" % number)]))

    assert ours._size <= TABLE_SIZE
    assert len(ours._entries) <= TABLE_SIZE // 32
