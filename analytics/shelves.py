"""Where the spools and dead letters of all application ids are, below the data directory.

    spool.key                   what they are sealed under; not here to be read, only named
    spool/<name>/               what waits for one application id
    dead-letters/<name>.ndjson  what the collector will never take

The names are digests under the spool's key: they tell nobody which application ids there are.
"""

import fcntl
import hmac
import os
import time
from collections.abc import Collection
from pathlib import Path

from analytics.application_id import ApplicationId
from analytics.dead_letters import DIRECTORY as DEAD_LETTERS
from analytics.dead_letters import SUFFIX, DeadLetterFile
from analytics.disk_thread import DiskThread
from analytics.shelf import Shelf
from analytics.spool import Spool, SpoolLimits
from analytics.spool_cipher import SpoolCipher
from analytics.spool_files import LOCK, OPEN, SpoolFiles
from analytics.spool_segments import SEGMENT

SPOOL = "spool"  # in data_dir
_PURPOSE = b"tollkeeper spool name 1"
_NAME_LENGTH = 32  # hexadecimal digits


class Shelves:
    """Makes the shelf of each delivery.

    Args:
        directory: The data directory; None: there is no disk.
        key: What spools are sealed under.
        limits: How much each may hold; a size of 0: nothing is kept on disk but dead letters.
    """

    def __init__(self, directory: Path | None, *, key: bytes, limits: SpoolLimits) -> None:
        self._directory = directory
        self._key = key
        self._limits = limits

    @classmethod
    def without_disk(cls) -> "Shelves":
        """Keep everything in memory."""
        return cls(None, key=b"", limits=SpoolLimits(size=0, age=0))

    def name(self, application_id: ApplicationId) -> str:
        """Return what an application id is called on disk."""
        digest = hmac.digest(self._key, _PURPOSE + application_id.reveal().encode(), "sha256")
        return digest.hex()[:_NAME_LENGTH]

    def make(self, application_id: ApplicationId, *, plugin: str) -> Shelf:
        """Return the shelf of an application id; ``plugin`` is what to call it in logs."""
        if self._directory is None:
            return Shelf()
        name = self.name(application_id)
        thread = DiskThread(f"spool-{name[:8]}")
        dead_letters = DeadLetterFile(self._directory / DEAD_LETTERS / (name + SUFFIX))
        if not self._limits.size:
            return Shelf(thread=thread, dead_letters=dead_letters)
        files = SpoolFiles(
            self._directory / SPOOL / name,
            cipher=SpoolCipher(self._key, name),
            segment_size=self._limits.segment_size,
        )
        spool = Spool(files, limits=self._limits, thread=thread, name=plugin)
        return Shelf(thread=thread, spool=spool, dead_letters=dead_letters)

    def sweep(self, used: Collection[str]) -> int:
        """Remove what is too old of the spools that nobody uses; return how many files went.

        Takes as long as the disk takes.

        Args:
            used: The names of those that are in use.

        Raises:
            OSError: Something cannot be read or removed.
        """
        if self._directory is None or not (self._directory / SPOOL).is_dir():
            return 0
        removed = 0
        for spool in (self._directory / SPOOL).iterdir():
            if spool.name not in used and spool.is_dir():
                removed += _sweep(spool, before=time.time() - self._limits.age)
        return removed


def _sweep(spool: Path, *, before: float) -> int:
    lock = os.open(spool / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files = [*spool.glob(f"*{SEGMENT}"), *spool.glob(OPEN)]
        old = [path for path in files if path.stat().st_mtime < before]
        for path in old:
            path.unlink()
    except BlockingIOError:  # another process uses it
        return 0
    finally:
        os.close(lock)
    return len(old)
