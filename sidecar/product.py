"""The whole product: every role in processes of its own, and what they need around them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import structlog

from sidecar.control import KEY_ROLES, ChildSpec, Role
from sidecar.diagnostics import Diagnostics, serve_diagnostics
from sidecar.errors import SettingsError
from sidecar.metrics_directory import open_directory
from sidecar.ports import refuse_taken
from sidecar.readiness import Check, life
from sidecar.settings import Settings, addresses
from sidecar.startup import NO_DATABASE, Prepared, prepare
from sidecar.stopping import Stop
from sidecar.supervisor import Supervisor, supervise
from sidecar.telemetry import ProcessCounters

_log = structlog.get_logger(__name__)


async def run_product(settings: Settings, stop: Stop) -> None:
    """Run every role until asked to stop.

    Raises:
        SettingsError: Something cannot be configured as the settings say.
        AuthServiceError: The database, its schema or its keyring does not fit.
        StartupError: Something outside did not let the program start.
    """
    async with open_product(settings, stop=stop) as supervisor:
        stop.serving(again=supervisor.kill)
        ready = asyncio.create_task(_announce(supervisor))
        try:
            await supervisor.watch(stop)
        finally:
            ready.cancel()


@asynccontextmanager
async def open_product(
    settings: Settings, *, stop: Stop, gives_notice: bool = True
) -> AsyncIterator[Supervisor]:
    """Start all that ``run_product`` runs, and end it in order at the end of the context.

    Args:
        settings: Of the product.
        stop: What asks it to stop.
        gives_notice: Whether an Envoy gets the time to see that it stops; not needed where there
            is none any more by then.

    Raises:
        SettingsError, AuthServiceError, StartupError: As ``run_product``.
    """
    listeners = addresses(settings)
    refuse_taken(listeners)
    if not any(_counts(settings).values()):
        raise SettingsError("every listener is null: there is nothing to run")
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(open_directory())
        counters = ProcessCounters(directory)
        state = _State(stop)
        if (address := listeners.get("diagnostics.listen")) is not None:
            pages = Diagnostics(checks=state.checks, metrics=counters.page)
            await stack.enter_async_context(serve_diagnostics(pages, address))
        specs = partial(_specs, settings, directory, gives_notice=gives_notice)
        state.supervisor = await _supervised(settings, stop, stack, specs, counters)
        yield state.supervisor


async def _supervised(
    settings: Settings,
    stop: Stop,
    stack: AsyncExitStack,
    specs: Callable[[Prepared], Iterator[ChildSpec]],
    counters: ProcessCounters,
) -> Supervisor:
    """Start the processes, on a database or on what is declared in a file."""
    if not settings.database.is_off:
        prepared = await stack.enter_async_context(prepare(settings))
        return await stack.enter_async_context(supervise(specs(prepared), counters=counters))
    # What reads such a file is all of the Admin API's rules: for who has one.
    from sidecar.declarative.file import declarative_file, read_first  # noqa: PLC0415
    from sidecar.declarative.registrar import Registrar  # noqa: PLC0415

    file = declarative_file(settings)
    first = await asyncio.to_thread(read_first, file)
    registrar = Registrar(first, metrics=counters.declarations)
    supervisor = await stack.enter_async_context(
        supervise(specs(NO_DATABASE), counters=counters, declared=registrar)
    )
    stop.on_hangup = await stack.enter_async_context(registrar.serving(supervisor, file))
    return supervisor


class _State:
    """What readiness is made of: nothing is ready before all has started, nor while it stops."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.supervisor: Supervisor | None = None

    def checks(self) -> list[Check]:
        """Return the checks of this moment."""
        checks = life(started=self.supervisor is not None, stopping=self._stop.asked)
        return checks + (self.supervisor.checks() if self.supervisor else [])


def _counts(settings: Settings) -> dict[Role, int]:
    """Return how many processes each role gets."""
    cores = len(os.sched_getaffinity(0))
    authsvc = settings.authsvc
    return {
        "analytics": 1 if settings.analytics.grpc else 0,
        "authsvc": (authsvc.workers or cores) if authsvc.grpc or authsvc.http else 0,
        "admin": 1 if settings.admin.listen else 0,
    }


def _specs(
    settings: Settings, metrics: Path, prepared: Prepared, *, gives_notice: bool = True
) -> Iterator[ChildSpec]:
    for role, count in _counts(settings).items():
        for worker in range(count):
            yield ChildSpec(
                role=role,
                worker=worker,
                settings=settings_of(role, settings),
                database_url=prepared.database_url,
                root_key=prepared.root_key if role in KEY_ROLES else None,
                metrics_dir=str(metrics),
                gives_notice=gives_notice,
            )


def settings_of(role: Role, settings: Settings) -> Settings:
    """Return the settings without what would let this role get at the root key by itself.

    The admin role keeps the vault's token: it can be asked whether the vault's key still fits.
    """
    keyring = msgspec.structs.replace(
        settings.keyring,
        root_key_base64=None,
        vault_token=settings.keyring.vault_token if role == "admin" else None,
    )
    return msgspec.structs.replace(settings, keyring=keyring)


async def _announce(supervisor: Supervisor) -> None:
    await supervisor.until_ready()
    _log.info("ready")
