"""The id by which one call is known to its client, its upstream, and whoever watches traffic.

As in Moesif's plugins it travels in ``X-Moesif-Transaction-Id``.  A client that calls several
services for one purpose may send its own, which is kept.
"""

import os
import re
from collections.abc import Callable

from authsvc.request import Request

TRANSACTION_ID = "x-moesif-transaction-id"
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_BYTES = 16
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_FETCHED = 256  # ids: one system call for many requests


class TransactionIds:
    """Gives each request its id; for one process, one event loop.

    An id is a random UUID (version 4), as of ``uuid.uuid4``, which costs several times as much: it
    asks the system for each.
    """

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._digits: list[str] = []

    def of(self, request: Request) -> str:
        """Return the id that the request came with, in lower case, or a new one."""
        for name, given in request.headers:
            if name == TRANSACTION_ID:
                return given.decode().lower() if _UUID.fullmatch(given) else self.new()
        return self.new()

    def new(self) -> str:
        """Return an id that no request has had."""
        if not self._digits:
            fetched = self._random(_FETCHED * _UUID_BYTES).hex()
            size = 2 * _UUID_BYTES
            self._digits = [fetched[at : at + size] for at in range(0, len(fetched), size)]
        digits = self._digits.pop()
        # The version, and the variant of RFC 9562, each in its place.
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )
