"""Reading strings in the Huffman code of HPACK: RFC 7541, section 5.2."""

from authsvc.extauthz.fastlane.faults import CompressionError
from authsvc.extauthz.fastlane.huffman_code import MAY_END, NEXT, TEXTS, learn


def decode(data: bytes) -> bytes:
    """Return what was encoded.

    Raises:
        CompressionError: It contains the end of the string, or is not padded as it must be.
    """
    following, texts = NEXT, TEXTS
    node = 0
    parts: list[bytes] = []
    for byte in data:
        step = node << 8 | byte
        text = texts.get(step)
        if text is None:
            text = learn(step)
            if text is None:
                raise CompressionError("the end of a string within one")
        parts.append(text)
        node = following[step]
    if not MAY_END[node]:
        raise CompressionError("a string whose padding is wrong")
    return b"".join(parts)
