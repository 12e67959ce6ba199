"""Runs the product, or one role of it, in this process."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path

import structlog
import uvloop

from sidecar import logs
from sidecar.control import Role
from sidecar.settings import Settings, load, warnings
from sidecar.stopping import Stop, signals

_log = structlog.get_logger(__name__)


def run_all(config: Path | None) -> None:
    """Run every role until asked to stop, each in processes of its own.

    Raises:
        SettingsError, AuthServiceError, StartupError: As ``sidecar.product.run_product``.
    """
    settings = _settings(config, role="supervisor", opens_keys=True)
    asyncio.run(_supervised(settings))


def run_one(config: Path | None, role: Role) -> None:
    """Run one role in this process until asked to stop.

    Raises:
        SettingsError, AuthServiceError, StartupError: As ``sidecar.single_role.run_role``.
    """
    settings = _settings(config, role=role, opens_keys=role != "analytics")
    if settings.authsvc.workers != 1:
        _log.warning("authsvc.workers has no effect with --role")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_alone(settings, role))


def _settings(config: Path | None, *, role: str, opens_keys: bool) -> Settings:
    settings = load(config=config, environ=os.environ, opens_keys=opens_keys)
    logs.configure(settings.log, role=role)
    for warning in warnings(settings):
        _log.warning("settings", problem=warning)
    return settings


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
