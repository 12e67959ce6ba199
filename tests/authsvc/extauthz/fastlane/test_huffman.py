import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from authsvc.extauthz.fastlane.faults import CompressionError
from authsvc.extauthz.fastlane.huffman import decode

ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


@given(st.binary(max_size=200))
def test_what_another_implementation_encodes_comes_back(text: bytes) -> None:
    assert decode(ENCODER.encode(text)) == text


def test_every_byte_comes_back() -> None:
    assert decode(ENCODER.encode(bytes(range(256)))) == bytes(range(256))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff", id="a byte of padding"),
        pytest.param(b"\x1c\x64\xff", id="more than seven bits of padding"),
        pytest.param(b"\x18", id="padding that is not of ones"),
        pytest.param(b"\xff\xff\xff\xff", id="the end of a string within it"),
        pytest.param(b"\xff\xff\xff\xfc", id="the end of a string, then padding"),
    ],
)
def test_what_is_not_padded_as_it_must_be_is_refused(data: bytes) -> None:
    with pytest.raises(CompressionError):
        decode(data)


@given(st.binary(max_size=40))
def test_whatever_the_bytes_it_decodes_or_refuses(data: bytes) -> None:
    try:
        text = decode(data)
    except CompressionError:
        return
    assert decode(ENCODER.encode(text)) == text
