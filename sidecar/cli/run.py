"""``tollkeeper run``."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import get_args

import click
import structlog
import uvloop

from sidecar import logs
from sidecar.control import Role
from sidecar.settings import Settings, load, warnings
from sidecar.stopping import Stop, signals

_log = structlog.get_logger(__name__)

_ALL = "all"
_ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option(
    "--role",
    type=click.Choice([_ALL, *_ROLES]),
    default=_ALL,
    show_default=True,
    help="One role in this process, or all of them, supervised.",
)
def run(config: Path | None, role: str) -> None:
    """Run the product: authsvc, analytics and the Admin API.

    SIGTERM and Ctrl-C drain it; a second one ends it at once.
    """
    settings = load(config=config, environ=os.environ, opens_keys=role != "analytics")
    logs.configure(settings.log, role="supervisor" if role == _ALL else role)
    for warning in warnings(settings):
        _log.warning("settings", problem=warning)
    if role == _ALL:
        asyncio.run(_supervised(settings))
    else:
        if settings.authsvc.workers != 1:
            _log.warning("authsvc.workers has no effect with --role")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_alone(settings, _ROLES[role]))


async def _supervised(settings: Settings) -> None:
    from sidecar.product import run_product  # noqa: PLC0415 - heavy, and not for one role

    stop = Stop()
    await _until_asked(run_product(settings, stop), stop)


async def _alone(settings: Settings, role: Role) -> None:
    from sidecar.app import open_role  # noqa: PLC0415 - heavy, and not for the supervisor
    from sidecar.single_role import run_role  # noqa: PLC0415

    stop = Stop()
    await _until_asked(run_role(role, settings, stop, open_role=open_role), stop)


async def _until_asked(work: Coroutine[None, None, None], stop: Stop) -> None:
    with signals(stop):
        await stop.run(work)
