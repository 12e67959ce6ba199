"""``tollkeeper demo``: the whole product on one machine."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import uvloop

from sidecar import logs
from sidecar.demo import listeners
from sidecar.demo.parent_watch import watching_parent
from sidecar.demo.screen import Screen
from sidecar.demo.session import Demo, run_demo
from sidecar.demo.terminal import Patient, logs_to
from sidecar.envoy_process import find_envoy
from sidecar.errors import SettingsError
from sidecar.secret import Secret
from sidecar.secret_file import read_secret
from sidecar.settings import Settings, Tls, load
from sidecar.stopping import Stop, signals

C = TypeVar("C", bound=Callable[..., Any])

_HIDING = {"hide_credentials": True}  # there is more to see when the echo shows no key


def _port(flag: str, usual: int, what: str, default: int | None = None) -> Callable[[C], C]:
    """Return an option for a port; without a default the settings say it."""
    help_text = f"Where {what}.  [default: {usual}]"
    kind = click.IntRange(1, 65535)
    return click.option(flag, type=kind, default=default, metavar="PORT", help=help_text)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings, as for run.")
@_port(listeners.ENVOY_FLAG, 8000, "Envoy takes requests", default=8000)
@_port("--admin-port", 8001, "the Admin API is")
@_port("--authsvc-port", 9191, "Envoy asks who calls")
@_port("--authsvc-http-port", 9192, "the same can be asked over HTTP")
@_port("--analytics-port", 9193, "Envoy sends its log")
@_port("--diagnostics-port", 9190, "health and metrics are")
@click.option(
    "--moesif-application-id-file",
    type=click.Path(),
    help="Send the events to the real Moesif, for the application with the id in this file.",
)
@click.option(
    "--moesif-application-id",
    envvar="MOESIF_APPLICATION_ID",
    show_envvar=True,
    help="The same, with the id itself; other users of this machine can see it.",
)
def demo(
    *,
    config: Path | None,
    envoy_port: int,
    moesif_application_id: str | None,
    moesif_application_id_file: str | None,
    **ports: int | None,
) -> None:
    """Run everything on this machine, with an echo behind Envoy, and show the events.

    Needs nothing else: a database, Envoy and a collector are started too. A second start finds
    the data of the first.
    """
    settings = _settings(config, ports)
    find_envoy()  # better now than when all else has started
    listeners.refuse_taken(settings, envoy_port=envoy_port)
    directory = Path(settings.data_dir)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    asked = Demo(
        settings=settings,
        envoy_port=envoy_port,
        application_id=_application_id(moesif_application_id, moesif_application_id_file),
        product_log=directory / "demo.log",
        envoy_log=directory / "envoy.log",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(asked))


def _settings(config: Path | None, ports: dict[str, int | None]) -> Settings:
    flags = {
        name: f"{listeners.HOST}:{port}"
        for name, flag in listeners.FLAGS.items()
        if (port := ports[flag.removeprefix("--").replace("-", "_")]) is not None
    }
    settings = load(config=config, environ=os.environ, flags=flags)
    if settings.authsvc.tls != Tls():
        raise SettingsError("authsvc.tls: Envoy and authsvc speak without, in the demo")
    if settings.authsvc.default_plugin == {}:
        authsvc = msgspec.structs.replace(settings.authsvc, default_plugin=_HIDING)
        settings = msgspec.structs.replace(settings, authsvc=authsvc)
    return settings


def _application_id(given: str | None, file: str | None) -> Secret | None:
    if file is not None:
        return read_secret(file, name="--moesif-application-id-file")
    return Secret(given) if given else None


async def _run(asked: Demo) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()

    def leave() -> None:
        if not stop.asked:  # asked twice, it would not drain; and these come together
            stop.ask()

    with logs_to(asked.product_log) as terminal, signals(stop), watching_parent(leave):
        # A terminal that hangs up ends the demo, though not a server.
        loop.add_signal_handler(signal.SIGHUP, leave)
        logs.configure(asked.settings.log, role="demo")
        screen = Screen(Patient(terminal, gone=leave))
        screen.say("Starting; the first time this makes a database ...")
        await stop.run(run_demo(asked, screen=screen, stop=stop))
        screen.say("Stopped.")
