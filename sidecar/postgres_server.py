"""A running PostgreSQL server on a cluster of ours.

What callers can rely on:

1. It listens on a socket in a directory that only its owner can enter, and on no port unless asked.
2. It ends with this process, however that ends: at once, but in order (a fast shutdown).
3. A server that does not start is one error with the last thing that it logged.
"""

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sidecar.errors import EmbeddedPostgresError
from sidecar.leash import User, leash_command
from sidecar.postgres_binaries import Binaries
from sidecar.postgres_cluster import Cluster, server_environment
from sidecar.postgres_status import read_status
from sidecar.postgres_user import give

DEFAULT_PORT = 5432  # of no listener, but in the name of the socket
_READY_SECONDS = 60.0  # a recovery after a crash may take a while
_POLL_SECONDS = 0.02
_MAX_LOG_BYTES = 10 * 1024 * 1024
_MAX_SOCKET_PATH = 100  # bytes; the kernel's limit is 107
# Each signal, and how long it may take before the next one.
_STOPS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "200",
    "unix_socket_permissions": "0700",
    "max_parallel_workers_per_gather": "0",  # shared memory may be scarce in a container
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    # Statements and the values that they fail for are nobody's business but the program's.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_TROUBLE = re.compile(r"(?:FATAL|PANIC|ERROR|leash):\s+(.*)")


class Server:
    """One run of the server; made by ``start``, ended by ``stop``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        cluster: Cluster,
        *,
        binaries: Binaries,
        user: User | None,
        sockets: Path,
        log: Path,
        tcp_port: int | None,
        settings: Mapping[str, str],
    ) -> "Server":
        """Start the server, and return when it takes connections.

        Raises:
            EmbeddedPostgresError: It did not become ready.
        """
        chosen = _SETTINGS | _listeners(sockets, tcp_port) | dict(settings)
        argv = [binaries.postgres, "-D", str(cluster.directory)]
        argv += [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
        with _open_log(log) as file:
            start_of_log = file.tell()
            process = await asyncio.create_subprocess_exec(
                *leash_command(argv, death_signal=signal.SIGINT, user=user),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=server_environment(),
            )
        server = cls(process)
        ready = False
        try:
            ready = await server._becomes_ready(cluster)
        finally:
            if not ready:
                await server.stop()
        if not ready:
            raise EmbeddedPostgresError(f"PostgreSQL did not start: {_why(log, start_of_log)}")
        return server

    async def wait(self) -> int:
        """Return the exit status once the server has ended, for whatever reason."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server: in order if it can, in any case soon."""
        for stop, seconds in _STOPS:
            if self._process.returncode is not None:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._process.wait()

    async def _becomes_ready(self, cluster: Cluster) -> bool:
        ended = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not ended.done():
                    status = read_status(cluster.directory)
                    if status is not None and status.ready and status.pid == self._process.pid:
                        return True
                    await asyncio.wait({ended}, timeout=_POLL_SECONDS)
        except TimeoutError:
            return False
        finally:
            ended.cancel()
        return False


def make_socket_directory(data_dir: Path, user: User | None) -> Path:
    """Return a private directory for the socket, with a path that is short enough for one."""
    directory = data_dir.resolve() / "postgres.socket"
    if len(os.fsencode(directory / f".s.PGSQL.{DEFAULT_PORT}")) < _MAX_SOCKET_PATH:
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
    else:
        directory = Path(tempfile.mkdtemp(prefix="tollkeeper-"))
    give(directory, user)
    return directory


def _listeners(sockets: Path, tcp_port: int | None) -> dict[str, str]:
    quoted = str(sockets).replace('"', '""')
    return {
        "unix_socket_directories": f'"{quoted}"',  # a list, hence the quotes
        "listen_addresses": "" if tcp_port is None else "127.0.0.1",
        "port": str(DEFAULT_PORT if tcp_port is None else tcp_port),
    }


def _open_log(path: Path) -> BinaryIO:
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.rename(path.with_name(f"{path.name}.old"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    file = os.fdopen(descriptor, "ab")
    file.seek(0, os.SEEK_END)
    return file


def _why(log: Path, start: int) -> str:
    text = log.read_bytes()[start:].decode(errors="replace").strip()
    troubles = _TROUBLE.findall(text)
    lines = [*text.splitlines()[-1:], *troubles[-1:]]
    return lines[-1] if lines else "it said nothing"
