"""The declarative file: read when it is asked for, and looked at for changes.

A change is taken up once two looks in a row have seen the same: what is being written is left
alone until it is whole.  A file that was exchanged by a rename, or by another symbolic link (as
Kubernetes does it), is a change like any other.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from sidecar.declarative.declaration import Declaration, KeyReader, SealedKey, keys_in_clear
from sidecar.declarative.document import MAX_LENGTH
from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.problems import DeclarationError, FieldProblem, in_a_line
from sidecar.errors import DeclarativeConfigError
from sidecar.sealed_keys import FileKeyReader
from sidecar.settings import Settings, SettingsError

LOOK_SECONDS = 0.5
_SETTING = "error"

_log = structlog.get_logger(__name__)
Stamp = tuple[int, int, int, int]
"""What tells one state of a file from another."""


class LoadMetrics(Protocol):
    """Implemented by the process shell."""

    def loaded(self, *, at: float) -> None:
        """Note that a declaration came into force. Never raises."""

    def unchanged(self) -> None:
        """Note that the file is as what is in force. Never raises."""

    def refused(self) -> None:
        """Note that one was read and not taken. Never raises."""


class DeclarationFile:
    """The file of ``declarative_config``, and what its keys mean."""

    def __init__(self, path: str, *, keys: KeyReader = keys_in_clear) -> None:
        self._path = Path(path)
        self._keys = keys

    def read(self, *, now: float | None = None) -> Declaration:
        """Return what the file declares at this moment. May take seconds.

        Raises:
            DeclarationError: It cannot be read, or declares what cannot be.
        """
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_LENGTH + 1)
        except OSError as error:
            why = f"{self._path} cannot be read: {error.strerror}"
            raise DeclarationError([FieldProblem(_SETTING, why)]) from None
        found = parse_declaration(text, now=now, keys=self._keys)
        if any(isinstance(each.key, SealedKey) for each in found.credentials):
            raise DeclarationError([FieldProblem(_SETTING, "a key is sealed, and stays so")])
        for name in found.ignored:
            _log.warning("declarative file: ignored", name=name)
        return found

    def stamp(self) -> Stamp | None:
        """Return what tells this state of the file from others, None: it is not there."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - Path.stat is the same, and slower
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def read_first(file: DeclarationFile) -> Declaration:
    """Return what the file of the settings declares when the program starts.

    Raises:
        DeclarativeConfigError: It cannot be read, or declares what cannot be.
    """
    try:
        return file.read()
    except DeclarationError as error:
        raise DeclarativeConfigError(f"declarative_config: {in_a_line(error)}") from None


def declarative_file(settings: Settings) -> DeclarationFile:
    """Return the file that the settings name.

    Raises:
        SettingsError: They name none.
    """
    if settings.declarative_config is None:
        raise SettingsError("declarative_config: is required")
    keys = FileKeyReader(settings, has_keyring=False)
    return DeclarationFile(settings.declarative_config, keys=keys)


class FileWatch:
    """Reads the file again after each change, and when asked to. Runs until cancelled."""

    def __init__(
        self,
        file: DeclarationFile,
        *,
        take: Callable[[Declaration], Awaitable[None]],
        metrics: LoadMetrics,
        interval: float | None = None,
    ) -> None:
        self._file = file
        self._take = take
        self._metrics = metrics
        self._interval = LOOK_SECONDS if interval is None else interval
        self._asked = asyncio.Event()
        self._seen = file.stamp()

    def ask(self) -> None:
        """Have the file read now, changed or not. Safe to call from a signal handler."""
        self._asked.set()

    async def run(self) -> None:
        """Watch."""
        before = self._seen
        while True:
            asked = await self._pause()
            stamp = await asyncio.to_thread(self._file.stamp)
            if asked or (stamp == before and stamp != self._seen):
                self._seen = stamp
                await self._read()
            before = stamp

    async def _pause(self) -> bool:
        try:
            async with asyncio.timeout(self._interval):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _read(self) -> None:
        try:
            declaration = await asyncio.to_thread(self._file.read, now=time.time())
        except DeclarationError as error:
            self._metrics.refused()
            _log.error("declarative file not taken; what was in force stays", why=str(error))
            return
        except Exception:  # noqa: BLE001 - a fault of ours must not end the watching
            self._metrics.refused()
            _log.exception("declarative file not taken; what was in force stays")
            return
        await self._take(declaration)
