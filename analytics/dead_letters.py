"""Events that the collector will never take, in a file to look at and to send again.

One JSON object a line: ``at`` (when), ``plugin`` (whose events these are, by the plugin's scope),
``reason``, ``status`` (what the collector answered) and ``event``, masked as it was to be sent.
The file is open to its owner only.  When it is full it becomes ``….1``, and what was ``.1``
becomes ``.2``; the oldest goes.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from analytics.metrics import DropReason

DIRECTORY = "dead-letters"  # in data_dir
SUFFIX = ".ndjson"
MAX_SIZE = 16 * 1024 * 1024  # bytes of one file
OLDER_FILES = 3
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event, and why it was not taken."""

    event: bytes
    plugin: str
    reason: DropReason
    status: int


class DeadLetterFile:
    """The file of one application id. It waits for the disk: not for the event loop."""

    def __init__(
        self, path: Path, *, max_size: int = MAX_SIZE, older_files: int = OLDER_FILES
    ) -> None:
        self._path = path
        self._max_size = max_size
        self._older_files = older_files

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write letters at the end.

        Raises:
            OSError: They cannot be written.
        """
        content = b"".join(_lines(letters))
        self._path.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self._make_room(len(content))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
            file.write(content)

    def _make_room(self, size: int) -> None:
        with suppress(FileNotFoundError):
            if self._path.stat().st_size + size > self._max_size:
                self._rotate()

    def _rotate(self) -> None:
        for number in range(self._older_files, 0, -1):
            younger = self._older(number - 1) if number > 1 else self._path
            with suppress(FileNotFoundError):
                younger.replace(self._older(number))

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _lines(letters: Iterable[DeadLetter]) -> Iterable[bytes]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for letter in letters:
        head = orjson.dumps(
            {
                "at": at,
                "plugin": letter.plugin,
                "reason": letter.reason.value,
                "status": letter.status,
            }
        )
        yield head[:-1] + b',"event":' + letter.event + b"}\n"
