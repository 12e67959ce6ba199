"""Which blind indexes there are on Postgres, by the thousand.

The database puts each page into one value: reading a million of them costs the event loop some
hundredths of a second, where as many rows would take it seconds.
"""

import sys
from array import array

from authsvc.key_index import PREFIX_BYTES
from authsvc.postgres.connections import Connections

# Whatever is shorter than a digest is filled up. To leave it out would take a condition of which
# the planner believes that hardly a row meets it: it would read and sort the table for each page.
_PAGE = f"""
SELECT string_agg(
    substring(page.digest || decode('{"00" * PREFIX_BYTES}', 'hex') from 1 for {PREFIX_BYTES}),
    ''::bytea ORDER BY page.digest
) AS prefixes
FROM (SELECT digest FROM credentials WHERE digest >= $1 ORDER BY digest LIMIT $2) AS page
"""  # noqa: S608 - made of numbers


class PostgresDigestListing:
    """A ``DigestListing``. Each page is a statement of its own: nothing is held in between."""

    def __init__(self, *, connections: Connections) -> None:
        self._connections = connections

    async def page(self, start: int, *, size: int) -> "array[int]":
        """Return what stands for the next digests."""
        # Shorter than a digest, so less than every one that begins like this.
        first = start.to_bytes(PREFIX_BYTES, "big")
        [row] = await self._connections.fetch(_PAGE, first, size)
        prefixes = array("Q", row["prefixes"] or b"")
        if sys.byteorder == "little":
            prefixes.byteswap()
        return prefixes
