"""One child process: started with what it is to be, listened to, ended."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence

from sidecar.control import ChildSpec, Message, Order, ParentEnd
from sidecar.settings_fields import PREFIX
from sidecar.telemetry import DIRECTORY_VARIABLE

# -P: whatever lies in the working directory is not a module of ours.
WORKER_COMMAND = (sys.executable, "-P", "-m", "sidecar.role_process")


class Child:
    """A process that was started. ``start`` it; ``end`` it, always."""

    def __init__(self, process: asyncio.subprocess.Process, channel: ParentEnd) -> None:
        self._process = process
        self._channel = channel

    @classmethod
    async def start(cls, spec: ChildSpec, *, command: Sequence[str]) -> "Child":
        """Start a process and tell it what it is.

        Raises:
            OSError: The system cannot start a process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=_environment(os.environ, spec.metrics_dir),
                    # Ctrl-C reaches the supervisor alone, which then stops all in order.
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        channel = await ParentEnd.open(ours)
        await channel.send(spec)
        return cls(process, channel)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def order(self, order: Order) -> None:
        """Tell the process what to do."""
        await self._channel.send(order)

    async def receive(self) -> Message | None:
        """Return the next thing that the process says, or None: it closed its end.

        Raises:
            ValueError: It says what nobody understands.
        """
        return await self._channel.receive()

    async def exit_code(self) -> int:
        """Wait for its end; negative: the signal that ended it."""
        return await self._process.wait()

    def ask_to_stop(self) -> None:
        """Let it drain."""
        if self._process.returncode is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def end(self) -> int:
        """Kill it if it still runs, and clear up; return how it ended."""
        self.kill()
        try:
            return await self._process.wait()
        finally:
            self._channel.close()


def _environment(environ: Mapping[str, str], metrics_dir: str | None) -> dict[str, str]:
    """The child's environment: without our settings, among which are secrets; it is told them."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    if metrics_dir is not None:
        kept[DIRECTORY_VARIABLE] = metrics_dir
    return kept
