"""Masks JSON: members of any depth, and what text members hold.

Numbers keep their digits: ids do not fit in a float.
"""

import json
from typing import Any

import orjson

from analytics.bodies.secrecy import Secrecy
from analytics.masking import MASK

_SAFE_DIGITS = 18  # an integer of so many fits in 64 bits
_MAX_NESTED = 3  # JSON in text in JSON
_MAX_DEPTH = 500  # others read less deeply than orjson, which stops at 1024
_SHELL = b"[" * (1024 - _MAX_DEPTH) + b"%b" + b"]" * (1024 - _MAX_DEPTH)


def masked_json(data: bytes, secrecy: Secrecy) -> bytes:
    """Return JSON in UTF-8 as it may be shown.

    Raises:
        ValueError: It is no JSON, or nested too deeply to be looked at.
    """
    # Stricter than the standard library: what passes is JSON to everybody.
    orjson.loads(_SHELL % data)
    if not secrecy.may_concern(data.decode()):
        return data
    return _masked(data.decode(), secrecy, nested=0)


def _masked(text: str, secrecy: Secrecy, *, nested: int) -> bytes:
    try:
        read = json.loads(text, parse_int=_integer, parse_float=_verbatim)
        return orjson.dumps(_value(read, secrecy, nested))
    except (RecursionError, orjson.JSONEncodeError):
        # The standard library reads more than there is JSON for: half of a surrogate pair.
        raise ValueError("nested too deeply, or no Unicode") from None


def _value(value: Any, secrecy: Secrecy, nested: int) -> Any:
    if isinstance(value, dict):
        return {
            _shown(name, secrecy, nested): _member(name, held, secrecy, nested)
            for name, held in value.items()
            if not secrecy.removes(name)
        }
    if isinstance(value, list):
        return [_value(each, secrecy, nested) for each in value]
    return _shown(value, secrecy, nested) if isinstance(value, str) else value


def _member(name: str, value: Any, secrecy: Secrecy, nested: int) -> Any:
    if not secrecy.hides(name):
        return _value(value, secrecy, nested)
    # true, null and one character are no secrets.
    if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 1):
        return value
    return MASK


def _shown(text: str, secrecy: Secrecy, nested: int) -> str:
    if not secrecy.may_concern(text):
        return text
    if nested < _MAX_NESTED and text.lstrip()[:1] in {"{", "["}:
        try:
            return _masked(text, secrecy, nested=nested + 1).decode()
        except ValueError:
            pass
    return secrecy.text(text)


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= _SAFE_DIGITS else _verbatim(digits)


def _verbatim(digits: str) -> Any:
    return orjson.Fragment(digits)
