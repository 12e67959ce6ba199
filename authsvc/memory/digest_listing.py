"""Which blind indexes there are, in memory."""

from array import array

from authsvc.entities import StoredCredential
from authsvc.key_index import DIGEST_BYTES, prefix_of
from authsvc.memory.table import MemoryTable


class MemoryDigestListing:
    """A ``DigestListing`` over a memory table, which it goes over for each page."""

    def __init__(self, *, credentials: MemoryTable[StoredCredential]) -> None:
        self._credentials = credentials

    async def page(self, start: int, *, size: int) -> "array[int]":
        """Return what stands for the next digests."""
        prefixes = sorted(
            prefix
            for row in self._credentials.rows()
            if len(row.digest) == DIGEST_BYTES and (prefix := prefix_of(row.digest)) >= start
        )
        return array("Q", prefixes[:size])
