"""Keeps what Moesif last said on disk, for the next start, and for processes beside this one.

What callers can rely on:

1. A file is whole or not there: it is put in place by renaming.
2. Only the owner may read it.  Its name is a digest: it does not show the application id.
3. Nothing here raises: a disk that does not work costs the memory of a restart, and a log line.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import structlog

_VERSION = 1
_DIRECTORY_MODE = 0o700

_log = structlog.get_logger(__name__)

Stamp = tuple[int, int, int]  # inode, time in nanoseconds, size


@dataclass(frozen=True, slots=True)
class Document:
    """One answer as it came, and the tags that came with it."""

    body: bytes = field(repr=False)
    tag: str | None = None
    rules_tag: str | None = None


class InstructionStore:
    """Documents by name, in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._is_failing = False

    def load(self, name: str) -> Document | None:
        """Return what was saved last, or None if there is nothing that can be read."""
        try:
            head, _, body = self._path(name).read_bytes().partition(b"\n")
            about = orjson.loads(head)
            if about["version"] != _VERSION:
                return None
            return Document(body, about["tag"], about["rules_tag"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._failed(error)
            return None

    def save(self, name: str, document: Document) -> None:
        """Put a document in the place of the one before."""
        about = {"version": _VERSION, "tag": document.tag, "rules_tag": document.rules_tag}
        try:
            self._directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            # Readable by nobody else from its first byte on.
            descriptor, temporary = tempfile.mkstemp(dir=self._directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(orjson.dumps(about) + b"\n" + document.body)
                Path(temporary).replace(self._path(name))
            except OSError:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            self._failed(error)

    def stamp(self, name: str) -> Stamp | None:
        """Return what changes whenever somebody saves a document of this name."""
        try:
            found = self._path(name).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _failed(self, error: Exception) -> None:
        if not self._is_failing:  # once: it will not get better by itself
            self._is_failing = True
            _log.warning("what Moesif said is not kept on disk", error=type(error).__name__)


def saved_at_of(stamp: Stamp) -> float:
    """Return when what has this stamp was saved, as Unix time in seconds."""
    return stamp[1] / 1e9
