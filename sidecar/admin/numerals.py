"""Numbers written as text, read the way Kong's Lua reads them: ``1e2``, ``0x10``, blanks around."""

import math
import re

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]{1,64}", re.ASCII)


def parse_number(text: str) -> int | float | None:
    """Return the number, an int wherever it is whole, or None if it is not a finite number."""
    text = text.strip(" \t\r\n\v\f")
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if not _DECIMAL.fullmatch(text):
        return None
    # Through float even where it looks whole: Lua knows no other numbers, and it is bounded work.
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number
