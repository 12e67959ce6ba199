"""One run of the demo: everything started in order, shown, and ended in reverse."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sidecar.address import Address, TcpAddress
from sidecar.admin_client import open_admin
from sidecar.demo import guide, listeners
from sidecar.demo.collector import Event, running_collector
from sidecar.demo.echo import running_echo
from sidecar.demo.screen import Screen
from sidecar.demo.seed import ROUTE, SERVICE, seed
from sidecar.demo.sighting import sighting_of
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_config.targets import target_of
from sidecar.envoy_process import EnvoyError, running_envoy
from sidecar.errors import SettingsError, StartupError
from sidecar.product import open_product
from sidecar.secret import Secret
from sidecar.settings import Settings, addresses, read_token
from sidecar.stopping import Stop
from sidecar.supervisor import Supervisor

MOESIF = "https://api.moesif.net"
_STAND_IN_ID = Secret("demo-application")  # the local collector takes any
_READY_WITHIN = 120.0  # seconds: the first start makes a database

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What is asked for.

    Attributes:
        settings: As for ``tollkeeper run``.
        envoy_port: Where Envoy takes requests on 127.0.0.1.
        application_id: Whose events these are at the real Moesif; None: nothing goes there.
        product_log: What the product's processes say.
        envoy_log: What Envoy says.
    """

    settings: Settings
    envoy_port: int
    application_id: Secret | None
    product_log: Path
    envoy_log: Path


async def run_demo(demo: Demo, *, screen: Screen, stop: Stop) -> None:
    """Run until asked to stop.

    Raises:
        SettingsError: Something cannot be configured as the settings say.
        AuthServiceError: The database, its schema or its keyring does not fit.
        StartupError: Something did not start, or Envoy ended.
    """
    async with AsyncExitStack() as stack:
        echo_port = await stack.enter_async_context(running_echo(listeners.HOST, 0))
        collector = await stack.enter_async_context(_collector(demo, screen))
        # Envoy is ours, and has ended when the product is to: nobody is left to take notice.
        product = open_product(demo.settings, stop=stop, gives_notice=False)
        supervisor = await stack.enter_async_context(product)
        await _until_ready(supervisor, stop, demo.product_log)
        key = await _seed(demo, echo_port, collector)
        envoy = await stack.enter_async_context(
            running_envoy(_plan(demo, echo_port), log_file=demo.envoy_log)
        )
        _explain(demo, screen, key)
        stack.enter_context(screen.table())
        stop.serving(again=supervisor.kill)
        ended = await _first(supervisor.watch(stop), envoy.wait())
        if not stop.asked:
            raise EnvoyError(f"Envoy ended ({ended}): see {demo.envoy_log}")
        screen.say("Stopping; Ctrl-C again to stop at once ...")


@asynccontextmanager
async def _collector(demo: Demo, screen: Screen) -> AsyncIterator[str]:
    def accepted(events: Sequence[Event]) -> None:
        screen.show([sighting_of(event) for event in events])

    def refused(status: int) -> None:
        screen.say(f"Moesif did not take a batch of events: HTTP status {status}", style="red")

    moesif = MOESIF if demo.application_id else None
    async with running_collector(accepted=accepted, refused=refused, moesif=moesif) as url:
        yield url


async def _until_ready(supervisor: Supervisor, stop: Stop, log: Path) -> None:
    try:
        async with asyncio.timeout(_READY_WITHIN):
            await _first(supervisor.until_ready(), supervisor.watch(stop))
    except TimeoutError:
        raise StartupError(f"not ready within {_READY_WITHIN:g} s: see {log}") from None


async def _seed(demo: Demo, echo_port: int, collector: str) -> Secret:
    async with open_admin(_url(demo, "admin.listen"), token=read_token(demo.settings)) as admin:
        return await seed(
            admin,
            echo_port=echo_port,
            collector=collector,
            application_id=demo.application_id or _STAND_IN_ID,
        )


def _plan(demo: Demo, echo_port: int) -> EnvoyPlan:
    upstream = Upstream(name="echo", address=TcpAddress(listeners.HOST, echo_port))
    return EnvoyPlan(
        listen=TcpAddress(listeners.HOST, demo.envoy_port),
        authsvc=_target(demo, "authsvc.grpc"),
        analytics=_target(demo, "analytics.grpc"),
        upstreams=(upstream,),
        routes=(
            PlannedRoute(
                name=ROUTE,
                service=SERVICE,
                upstream=upstream.name,
                body=BodyUse.HIDE,  # so that whoever tries `key_in_body` finds it working
                captures=Capture(request=True, response=True),
            ),
        ),
        secret_headers=_key_names(demo.settings),
    )


def _explain(demo: Demo, screen: Screen, key: Secret) -> None:
    gateway, admin = f"http://{listeners.HOST}:{demo.envoy_port}", _url(demo, "admin.listen")
    screen.say("Tollkeeper is ready. Ctrl-C ends it.", style="bold")
    screen.say()
    screen.say(f"  Envoy, in front of an echo   {gateway}")
    screen.say(f"  Admin API                    {admin}")
    screen.say(f"  Logs                         {demo.product_log}, {demo.envoy_log}")
    screen.say()
    screen.say("Calls, to paste into another terminal:", style="bold")
    _show_steps(screen, guide.calls(gateway, key_name=_key_names(demo.settings)[0], key=key))
    screen.say("Consumers and keys:", style="bold")
    token_file = demo.settings.admin.token_file
    _show_steps(screen, guide.administration(admin, token_file=token_file))
    if demo.application_id is not None:
        screen.say(f"Events go to Moesif, {MOESIF}, and are shown once it took them.", style="bold")
    else:
        screen.say("Events, as a local collector in Moesif's place takes them:", style="bold")


def _show_steps(screen: Screen, steps: Iterable[guide.Step]) -> None:
    for step in steps:
        screen.say(f"# {step.expect}", style="dim")
        screen.say(step.command)
    screen.say()


def _key_names(settings: Settings) -> tuple[str, ...]:
    return tuple((settings.authsvc.default_plugin or {}).get("key_names") or ("apikey",))


def _target(demo: Demo, name: str) -> Address:
    address = addresses(demo.settings).get(name)
    if address is None:
        raise SettingsError(f"{name}: the demo needs it")
    return target_of(address)


def _url(demo: Demo, name: str) -> str:
    address = _target(demo, name)
    if not isinstance(address, TcpAddress):
        raise SettingsError(f"{name}: the demo needs a host and port")
    return f"http://{address}"


async def _first(*waits: Coroutine[Any, Any, T]) -> T:
    """Return the outcome of what ends first, and cancel the rest."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
