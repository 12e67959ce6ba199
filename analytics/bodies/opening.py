"""Opens what a body is packed in: gzip, deflate, brotli, and text that is not UTF-8.

What comes out is bounded: a small body can be made to unfold into gigabytes.
"""

import codecs
import zlib
from collections.abc import Callable, Mapping

import brotli  # type: ignore[import-untyped]  # ships no types; what we call is one class

MAX_OPENED = 450_000  # bytes; of what is larger the collector keeps only a part

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_MAX_LAYERS = 3
_MAGIC = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b"}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
# Charsets that say something else than ASCII bytes where there are ASCII characters.
_WIDE = ("utf-16", "utf-32", "utf16", "utf32", "ucs-2", "ucs2", "ucs-4", "iso-10646", "utf-7")


class UnopenableError(Exception):
    """A body cannot be opened: its packing is broken, or not known here."""


class TooLargeError(Exception):
    """What is in a body is larger than anybody wants it."""


def unpack(data: bytes, content_encoding: str) -> bytes:
    """Return a body without its content-encodings.

    A body that says gzip and is not goes for what it is: servers that forget to compress are
    more common than broken streams.

    Raises:
        UnopenableError: It cannot be opened.
        TooLargeError: It is larger than ``MAX_OPENED``.
    """
    layers = [layer.strip().lower() for layer in content_encoding.split(",")]
    layers = [layer for layer in layers if layer not in {"", "identity"}]
    if len(layers) > _MAX_LAYERS:
        raise UnopenableError
    for layer in reversed(layers):
        if data.startswith(_MAGIC.get(layer, b"")):
            data = _open(data, layer)
    if len(data) > MAX_OPENED:
        raise TooLargeError
    return data


def to_utf8(data: bytes, charset: str, *, guess: bool) -> bytes:
    """Return text in UTF-8 that says, or shows by its first bytes, that it is in a wide charset.

    Args:
        data: The text.
        charset: What its type says; empty where it does not.
        guess: It is JSON, which is told by its first characters without a byte order mark, too.

    Raises:
        UnopenableError: It is not in that charset.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _recoded(data, name)
    if charset.lower().startswith(_WIDE):
        return _recoded(data, charset)
    if guess and b"\0" in data[:4]:
        return _recoded(data, _guess_wide(data))
    return data


def _open(data: bytes, layer: str) -> bytes:
    opener = _OPENERS.get(layer)
    if opener is None:
        raise UnopenableError
    try:
        return opener(data)
    except (zlib.error, brotli.error):
        raise UnopenableError from None


def _gunzip(data: bytes) -> bytes:
    opened = b""
    while data:  # members may follow each other
        member = zlib.decompressobj(_GZIP_WINDOW)
        opened += _inflate(member, data, MAX_OPENED - len(opened))
        data = member.unused_data.lstrip(b"\0")
    return opened


def _undeflate(data: bytes) -> bytes:
    try:
        return _inflate(zlib.decompressobj(), data, MAX_OPENED)
    except zlib.error:  # without the header of zlib, as many send it
        return _inflate(zlib.decompressobj(-zlib.MAX_WBITS), data, MAX_OPENED)


def _inflate(stream: "zlib._Decompress", data: bytes, room: int) -> bytes:
    opened = stream.decompress(data, room + 1)
    if len(opened) > room:
        raise TooLargeError
    if not stream.eof:
        raise UnopenableError
    return opened


def _unbrotli(data: bytes) -> bytes:
    stream = brotli.Decompressor()
    opened = b""
    given = data
    while not stream.is_finished():
        part = stream.process(given, output_buffer_limit=MAX_OPENED)
        given = b""
        opened += part
        if len(opened) > MAX_OPENED:
            raise TooLargeError
        if not part and not stream.is_finished():
            raise UnopenableError
    return opened


def _recoded(data: bytes, charset: str) -> bytes:
    try:
        return data.decode(charset).encode()
    except (LookupError, UnicodeError):
        raise UnopenableError from None


def _guess_wide(data: bytes) -> str:
    width = "utf-32" if data[:4].count(0) > 2 else "utf-16"  # noqa: PLR2004 - of four bytes
    return f"{width}-be" if data[0] == 0 else f"{width}-le"


_OPENERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
}
