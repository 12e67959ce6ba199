"""A Moesif application id as a value that does not show itself.

Whoever has it can write events: it is the only credential of the collector's API.
"""

import hashlib

MASK = "***"
_DIGITS = 32  # of a digest: 128 bits are never the same by accident


class ApplicationId:
    """What tells the collector whose events these are; ``repr`` and ``str`` hide it.

    Equal ids are equal values, and may be dict keys: queues are kept by application id.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap an id.

        Raises:
            ValueError: It is empty, or cannot be the value of a header.
        """
        if not value:
            raise ValueError("length must be at least 1")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ValueError("expected printable ascii without spaces around it")
        self._value = value

    def digest(self, context: str) -> str:
        """Return a name for this id that does not show it, and is another in another context."""
        text = f"tollkeeper {len(context)} {context} {self._value}"
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def reveal(self) -> str:
        """Return the id itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApplicationId) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"ApplicationId('{MASK}')"

    def __str__(self) -> str:
        return MASK
