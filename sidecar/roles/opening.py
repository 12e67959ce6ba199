"""What all roles do alike when they are opened."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from analytics.errors import ListenError
from authsvc.policy import KeyAuthConfig, parse_key_auth
from authsvc.root_key import RootKey
from authsvc.store import Stores
from sidecar.control import ChildSpec
from sidecar.declarative.declaration import Declaration
from sidecar.declarative.editions import Edition
from sidecar.errors import SettingsError, StartupError
from sidecar.owned_task import start_owned
from sidecar.telemetry import Telemetry


class Declared(Protocol):
    """What is declared, and the way to declare something else."""

    @property
    def edition(self) -> Edition:
        """What is in force."""

    async def publish(self, declaration: Declaration) -> bool:
        """Put a declaration in force; return whether every process that serves goes by it.

        Raises:
            CannotPublishError: It cannot be, from here.
            TimeoutError: It is not known whether it is.
        """


@dataclass(frozen=True, slots=True)
class Opening:
    """What a role is opened with.

    Attributes:
        spec: What this process is.
        stores: What the role goes by.
        telemetry: What it counts with.
        stack: Takes what is to be closed; what was opened last is closed first.
        declared: What the stores hold, where there is no database.
    """

    spec: ChildSpec
    stores: Stores
    telemetry: Telemetry
    stack: AsyncExitStack
    declared: Declared | None = None

    @property
    def default_policy(self) -> KeyAuthConfig | None:
        """What applies where no plugin is configured; None: refuse."""
        config = self.spec.settings.authsvc.default_plugin
        return None if config is None else parse_key_auth(config)

    @property
    def root_key(self) -> RootKey:
        """What opens the keyring.

        Raises:
            StartupError: The process was started without one.
        """
        if self.spec.root_key is None:
            raise StartupError(f"{self.spec.name} was started without a root key")
        return RootKey.from_base64(self.spec.root_key.reveal())

    def notice_of(self, seconds: float) -> float:
        """Return for how long a face that stops says so before it does, if usually so long."""
        return seconds if self.spec.gives_notice else 0.0

    async def listen(
        self, serving: AbstractAsyncContextManager[object], setting: str, address: str
    ) -> None:
        """Enter a face; an address that cannot be listened on is the operator's mistake.

        Raises:
            SettingsError: It cannot be listened on; the text names the setting.
        """
        await self.stack.enter_async_context(_listening(serving, setting, address))

    def cancel_at_end(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Do work in the background until the role is closed; a fault in it is logged."""
        self.stack.push_async_callback(_cancel, start_owned(work, name=name))


@dataclass(frozen=True, slots=True)
class OpenedRole:
    """A role that serves, and how to ask what it needs."""

    _probes: Mapping[str, Callable[[], bool]]

    async def checks(self) -> Mapping[str, bool]:
        """Return what the role needs to serve, by name, and whether it has it."""
        return {name: probe() for name, probe in self._probes.items()}

    def needing(self, name: str, probe: Callable[[], bool]) -> "OpenedRole":
        """Return the same with one more thing that it needs."""
        return OpenedRole({**self._probes, name: probe})


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


@asynccontextmanager
async def _listening(
    serving: AbstractAsyncContextManager[object], setting: str, address: str
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serving)
        except (OSError, ListenError):
            raise SettingsError(f"{setting}: cannot listen on {address}") from None
        yield
