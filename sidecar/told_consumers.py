"""Which consumers a collector was told of, and as what: kept on disk, so that a restart is quiet.

What callers can rely on:

1. What is lost, damaged or not there was not told: at worst a consumer is told once more.
2. Nobody counts as told who was in doubt last: whoever is about to be told of somebody says so
   here first, since what happens after that may have been told, whether or not it is noted.
3. The file is for its owner alone, and shows digests of what was told, not what it was.
4. The file grows with the number of consumers, not with that of their changes.
5. Nothing here raises: a disk that does not work costs the memory of a restart, and a log line.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from analytics.profiles import Profile
from sidecar.private_file import replacing_private

_DIGEST = 16  # bytes
_IN_DOUBT = "-"  # in a digest's place
_SMALL = 1024 * 1024  # bytes that are not worth the work of making them less
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
_DIRECTORY_MODE = 0o700

_log = structlog.get_logger(__name__)


class ToldConsumers:
    """A file of lines, each with a consumer's id and what it was told as; the last one counts.

    A line without a digest takes back what was noted of the consumer before.

    Its methods wait for the disk: they are not for the event loop.
    """

    def __init__(self, path: Path) -> None:
        """Use this file; it, and the directory that it is in, are made when they are needed."""
        self._path = path
        self._is_failing = False
        self._too_large = _SMALL

    def load(self) -> dict[str, str]:
        """Return what every consumer was told as last, by its id."""
        try:
            lines = self._path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._failed(error)
            return {}
        told: dict[str, str] = {}
        for line in lines:
            consumer, _, digest = line.partition(" ")
            if len(digest) == 2 * _DIGEST:
                told[consumer] = digest
            else:
                told.pop(consumer, None)
        return told

    def doubt(self, consumers: Iterable[str]) -> None:
        """Note that consumers are about to be told; on the disk itself when this returns."""
        self._append(dict.fromkeys(consumers, _IN_DOUBT), is_urgent=True)

    def add(self, told: Mapping[str, str]) -> None:
        """Note what consumers were told as just now."""
        self._append(told, is_urgent=False)

    def replace(self, told: Mapping[str, str]) -> None:
        """Note that these are all the consumers there are; the file is whole at any moment."""
        try:
            self._path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            with replacing_private(self._path) as file:
                file.write(_lines(told))
        except OSError as error:
            self._failed(error)

    def _append(self, noted: Mapping[str, str], *, is_urgent: bool) -> None:
        try:
            self._path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self._path, _APPEND, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(_lines(noted))
                file.flush()
                if is_urgent:
                    os.fsync(descriptor)
                size = os.fstat(descriptor).st_size
        except OSError as error:
            self._failed(error)
        else:
            if size > self._too_large:
                self._shorten()

    def _shorten(self) -> None:
        """Leave out what does not count any more; half of the next file may be that again."""
        told = self.load()
        self.replace(told)
        self._too_large = max(_SMALL, 2 * len(_lines(told)))

    def _failed(self, error: OSError) -> None:
        if not self._is_failing:  # once: it will not get better by itself
            self._is_failing = True
            _log.warning("consumers told to Moesif are not noted on disk", why=error.strerror)


def digest_of(profile: Profile) -> str:
    """Return what tells a profile from what it was before."""
    members = [profile.user_id, profile.company_id, profile.metadata]
    text = json.dumps(members, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).hexdigest()


def _lines(told: Mapping[str, str]) -> str:
    # One that was torn off at the end of the file must not spoil the first of these.
    return "".join(f"\n{consumer} {digest}" for consumer, digest in told.items()) + "\n"
