"""What ``postmaster.pid`` says of the server that runs on a data directory, or ran."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import EmbeddedPostgresError

# Process id, data, start time, port, sockets, address, shared memory, status: a line each.
_FILE = "postmaster.pid"
_LEFT_WITHIN = 20.0  # seconds
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """A server's process id, port, directory of sockets, and whether it takes connections.

    It may be the last word of a server that was killed.
    """

    pid: int
    port: int
    sockets: Path
    ready: bool

    @property
    def socket(self) -> Path:
        """The path of the socket."""
        return self.sockets / f".s.PGSQL.{self.port}"


def read_status(directory: Path) -> Status | None:
    """Return what the data directory's last server said of itself, or None if nothing."""
    try:
        lines = (directory / _FILE).read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3])
        return Status(pid, port, sockets=Path(lines[4]), ready=lines[7].strip() == "ready")
    except (OSError, ValueError, IndexError):  # none, or half a file
        return None


async def clear_leftovers(directory: Path) -> None:
    """Wait until no server uses the data directory any more, and forget the last one.

    For whoever alone may start one. After a kill, the last server's processes need a moment to
    end, and its file may name a process id that is another program's now: a new server would
    believe it and refuse to start.

    Raises:
        EmbeddedPostgresError: A server that is not ours goes on using it.
    """
    if not (directory / _FILE).exists():
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_LEFT_WITHIN):
            while any(_users(directory)):  # noqa: ASYNC110 - they are not ours to wait for
                await asyncio.sleep(_POLL_SECONDS)
    for pid in _users(directory):
        raise EmbeddedPostgresError(f"another PostgreSQL (process {pid}) uses {directory}")
    (directory / _FILE).unlink(missing_ok=True)


def _users(directory: Path) -> Iterator[int]:
    """Yield the ids of server processes in this directory: all of a server's are in it."""
    resolved = directory.resolve()
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # it ended meanwhile, or is another user's
            if (
                process.name.isdigit()
                and (process / "comm").read_text() == "postgres\n"
                and (process / "cwd").readlink() == resolved
            ):
                yield int(process.name)
