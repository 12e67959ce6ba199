"""A secret text that does not show itself.

``repr``, ``str``, f-strings and ``%s`` hide it.  ``reveal()`` is easy to search for, and is called
only where the secret is used: to connect, to unwrap, to compare, to hand it to a child process.
"""

import hmac
from typing import NoReturn

MASK = "***"


class Secret:
    """A text to keep out of logs, errors and listings; compared in constant time."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a secret must not become a dict key

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        # Pickles end up in files and queues, where nobody expects a secret.
        raise TypeError("a Secret cannot be pickled")
