"""The real `tollkeeper demo`, in processes of its own, on ports that are free."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.free_port import free_port
from tests.fakes.processes import descendants, is_alive
from tests.fakes.product import TOLLKEEPER, clean_environment

_PORTS = ("envoy", "admin", "authsvc", "authsvc-http", "analytics", "diagnostics")
_READY = "Events, as a local collector"
_WITHIN = 90.0  # seconds


class Demo:
    """A context manager; its output is read line by line."""

    def __init__(self, data_dir: Path, *, wrapper: Sequence[str] = ()) -> None:
        """Take where its data are, and what starts it in our stead, if that is another program."""
        self.ports = {name: free_port() for name in _PORTS}
        self.output = ""
        self._data_dir = data_dir
        self._wrapper = wrapper
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._started: set[int] = set()

    @property
    def command(self) -> list[str]:
        flags = [f"--{name}-port={port}" for name, port in self.ports.items()]
        return [str(TOLLKEEPER), "demo", *flags]

    @property
    def environ(self) -> dict[str, str]:
        """Its environment."""
        return clean_environment() | {"TOLLKEEPER_DATA_DIR": str(self._data_dir)}

    async def start(self) -> None:
        """Start, without waiting for anything."""
        self._process = await asyncio.create_subprocess_exec(
            *self._wrapper,
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environ,
        )
        self._reading = asyncio.create_task(self._read())

    async def __aenter__(self) -> Self:
        await self.start()
        async with asyncio.timeout(_WITHIN):
            while _READY not in self.output:
                assert self.process.returncode is None, self.output
                await asyncio.sleep(0.05)
        self._started = self.processes
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.returncode is None:
            await self.end(signal.SIGTERM)
        for pid in filter(is_alive, self._started):  # a test has failed: leave nothing all the same
            os.kill(pid, signal.SIGKILL)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def processes(self) -> set[int]:
        """The ids of all its processes."""
        return {self.process.pid, *descendants(self.process.pid)}

    async def end(self, number: signal.Signals) -> int:
        """End it by a signal, and return its exit status."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Return its exit status, once it has ended and all its output is there."""
        assert self._reading is not None
        async with asyncio.timeout(_WITHIN):
            status = await self.process.wait()
            await self._reading
        return status

    def commands(self) -> list[str]:
        """Return the lines that are there to be pasted."""
        return [line for line in self.output.splitlines() if line.startswith("curl ")]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.output += line.decode()
