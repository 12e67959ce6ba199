"""The one spelling of an id: lower-case UUID text."""

import re

_SHAPE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def canonical_id(text: object) -> str | None:
    """Return an id in its one spelling, or None if this does not look like an id.

    An id is 8-4-4-4-12 hexadecimal digits in any letter case, whatever its version.
    """
    if not isinstance(text, str) or not text.isascii():
        return None
    lowered = text.lower()
    return lowered if _SHAPE.fullmatch(lowered) else None
