"""Reading strings in the Huffman code of HPACK: RFC 7541, section 5.2."""

from authsvc.extauthz.fastlane.faults import CompressionError
from authsvc.extauthz.fastlane.huffman_code import EMITTED, END_OF_STRING, FOLLOWING, MAY_END


def decode(data: bytes) -> bytes:
    """Return what was encoded.

    Raises:
        CompressionError: It contains the end of the string, or is not padded as it must be.
    """
    node = 0
    out = bytearray()
    for byte in data:
        step = node << 4 | byte >> 4
        symbol = EMITTED[step]
        if symbol >= 0:
            if symbol == END_OF_STRING:
                raise CompressionError("the end of a string within one")
            out.append(symbol)
        step = FOLLOWING[step] << 4 | byte & 15
        symbol = EMITTED[step]
        if symbol >= 0:
            if symbol == END_OF_STRING:
                raise CompressionError("the end of a string within one")
            out.append(symbol)
        node = FOLLOWING[step]
    if not MAY_END[node]:
        raise CompressionError("a string whose padding is wrong")
    return bytes(out)
