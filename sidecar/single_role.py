"""One role in this very process, for one container each."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from sidecar.address import Address
from sidecar.control import KEY_ROLES, ChildSpec, Role
from sidecar.diagnostics import Diagnostics, serve_diagnostics
from sidecar.errors import SettingsError
from sidecar.ports import refuse_taken
from sidecar.readiness import INFORMING, Check, life
from sidecar.settings import Settings, addresses
from sidecar.startup import NO_DATABASE, prepare
from sidecar.stopping import Stop
from sidecar.supervisor import NEEDED
from sidecar.telemetry import Telemetry
from sidecar.worker import OpenRole, serve

_DIAGNOSTICS = "diagnostics.listen"


async def run_role(role: Role, settings: Settings, stop: Stop, *, open_role: OpenRole) -> None:
    """Run one role until asked to stop.

    Raises:
        SettingsError: It cannot be configured as the settings say.
        AuthServiceError: The database, its schema or its keyring does not fit.
        StartupError: Something outside did not let the program start.
    """
    listeners = _listeners(role, settings)
    refuse_taken(listeners)
    telemetry = Telemetry.alone()
    state = _State(role, stop)
    async with AsyncExitStack() as stack:
        if (address := listeners.get(_DIAGNOSTICS)) is not None:
            pages = Diagnostics(checks=state.checks, metrics=telemetry.page)
            await stack.enter_async_context(serve_diagnostics(pages, address))
        prepared, declarations = NO_DATABASE, None
        if settings.database.is_off:
            # What reads such a file is all of the Admin API's rules: for who has one.
            from sidecar.declarative.file import declarative_file  # noqa: PLC0415
            from sidecar.declarative.own_file import open_own_file  # noqa: PLC0415

            declarations, stop.on_hangup = await stack.enter_async_context(
                open_own_file(declarative_file(settings), metrics=telemetry.declarations)
            )
        else:
            prepared = await stack.enter_async_context(
                prepare(settings, opens_keys=role in KEY_ROLES)
            )
        spec = ChildSpec(
            role=role,
            worker=0,
            settings=settings,
            database_url=prepared.database_url,
            root_key=prepared.root_key,
        )
        task = asyncio.current_task()
        await serve(
            spec,
            open_role=open_role,
            telemetry=telemetry,
            stop=stop,
            report=state.report,
            again=task.cancel if task else None,
            declarations=declarations,
        )


class _State:
    """What readiness is made of, from what the role last said."""

    def __init__(self, role: Role, stop: Stop) -> None:
        self._role = role
        self._stop = stop
        self._reported: Mapping[str, bool] | None = None

    def report(self, checks: Mapping[str, bool], /) -> None:
        """Take what the role says."""
        self._reported = checks

    def checks(self) -> list[Check]:
        """Return the checks of this moment."""
        checks = life(started=self._reported is not None, stopping=self._stop.asked)
        for name, ok in (self._reported or {}).items():
            needed = self._role in NEEDED and name not in INFORMING
            checks.append(Check(f"{self._role}.{name}", ok, needed))
        return checks


def _listeners(role: Role, settings: Settings) -> dict[str, Address]:
    found = addresses(settings)
    own = {name: each for name, each in found.items() if name.startswith(f"{role}.")}
    if not own:
        raise SettingsError(f"there is nothing to run as {role}: it listens nowhere")
    if _DIAGNOSTICS in found:
        own[_DIAGNOSTICS] = found[_DIAGNOSTICS]
    return own
