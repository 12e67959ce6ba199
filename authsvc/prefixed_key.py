"""Keys that people and secret scanners recognise, and that can be refused without a look-up.

Format, version 1, 57 characters: ``tk_live_`` + 43 base-62 characters (32 random bytes) + 6
base-62 characters: the CRC-32 of all before them.  As a regular expression::

    tk_live_[0-9A-Za-z]{49}

The checksum is no secret and proves nothing: it only tells a typo, or a string that never was a
key, from a key that has to be looked up.  Digits are ``0-9A-Za-z`` in this order, padded with 0.
"""

import secrets
import string
import zlib

from authsvc.apikey import ApiKey

PREFIX = "tk_live_"
SCANNER_PATTERN = r"tk_live_[0-9A-Za-z]{49}"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_LENGTH = 43  # base-62 digits for 256 bits
_CHECKSUM_LENGTH = 6  # base-62 digits for 32 bits
_LENGTH = len(PREFIX) + _BODY_LENGTH + _CHECKSUM_LENGTH
_RANDOM_BITS = 256


def generate() -> ApiKey:
    """Return a new random key of this format."""
    head = PREFIX + _base62(secrets.randbits(_RANDOM_BITS), _BODY_LENGTH)
    return ApiKey.from_text(head + _checksum(head.encode()))


def cannot_be_valid(key: ApiKey) -> bool:
    """Tell whether a key claims this format and yet was never generated: its checksum is wrong."""
    value = key.reveal()
    if not value.startswith(PREFIX.encode()):
        return False
    head, checksum = value[:-_CHECKSUM_LENGTH], value[-_CHECKSUM_LENGTH:]
    return len(value) != _LENGTH or checksum != _checksum(head).encode()


def _checksum(head: bytes) -> str:
    return _base62(zlib.crc32(head), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
