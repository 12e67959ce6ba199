"""An API key as a value that does not show itself.

``repr`` and ``str`` hide the key; ``reveal()`` is easy to search for, and is called where the
key is sealed, digested, compared, or handed to the one who may see it.
"""

import hmac
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_GENERATED_LENGTH = 32  # characters, as Kong's: 190 bits


class ApiKey:
    """The exact bytes that a client presents; compared in constant time, not hashable."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a key must not become a dict key: use its digest

    def __init__(self, value: bytes) -> None:
        """Wrap the bytes of a key.

        Raises:
            ValueError: ``value`` is empty.
        """
        if not value:
            raise ValueError("an API key cannot be empty")
        self._value = value

    @classmethod
    def from_text(cls, text: str) -> "ApiKey":
        """Wrap a key given as text; its bytes are the text's UTF-8."""
        return cls(text.encode())

    @classmethod
    def generate(cls) -> "ApiKey":
        """Make a random key of 32 letters and digits, the shape that Kong generates."""
        return cls("".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_LENGTH)).encode())

    def reveal(self) -> bytes:
        """Return the key itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "ApiKey('***')"

    __str__ = __repr__
