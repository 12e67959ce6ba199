"""What answers are kept by: a digest of what they depend on, which nobody can guess or foresee.

For one process alone. It stands for a key as its blind index does, for a quarter of the price, so
that no key is kept in memory for the sake of who asks with it next.
"""

import os
from hashlib import blake2b
from typing import Final

_SECRET_LENGTH: Final = 32  # bytes
_LENGTH: Final = 16  # bytes: whoever guesses for a thousand years guesses none
_SIZE_LENGTH: Final = 4  # bytes: of a length in front of what is that long


class Tags:
    """Digests under a secret of its own."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        # In front of the text and not as BLAKE2's own key: that fills a block by itself. BLAKE2
        # cannot be continued by who knows a digest, so that this is as good.
        self._begun = blake2b(os.urandom(_SECRET_LENGTH), digest_size=_LENGTH)

    def of(self, key: bytes, host: bytes) -> bytes:
        """Return what stands for a key that is presented to a host."""
        digest = self._begun.copy()
        digest.update(b"".join((len(key).to_bytes(_SIZE_LENGTH, "big"), key, host)))
        return digest.digest()
