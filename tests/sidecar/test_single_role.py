"""One role in this process: its own readiness, its own metrics, its own drain."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sidecar.control import ChildSpec, Role
from sidecar.declarative.editions import Declarations
from sidecar.secret import Secret
from sidecar.settings import Analytics, Authsvc, Database, Diagnostics, Keyring, Settings
from sidecar.single_role import run_role
from sidecar.stopping import Stop
from sidecar.telemetry import Telemetry
from tests.deadline import eventually
from tests.fakes.free_port import free_port

ROOT_KEY = base64.b64encode(bytes(32)).decode()


class Part:
    """A role that does what the test says."""

    def __init__(self, **checks: bool) -> None:
        self.answers = checks
        self.events: list[str] = []
        self.spec: ChildSpec
        self.may_drain = asyncio.Event()
        self.may_drain.set()

    async def checks(self) -> Mapping[str, bool]:
        return self.answers

    @asynccontextmanager
    async def open(
        self, spec: ChildSpec, *, telemetry: Telemetry, declarations: Declarations | None = None
    ) -> AsyncIterator["Part"]:
        self.spec = spec
        telemetry.auth.looked_up("hit")
        telemetry.auth.flush()
        self.events.append("serves")
        try:
            yield self
        finally:
            self.events.append("drains")
            await self.may_drain.wait()
            self.events.append("drained")


class Running:
    def __init__(self, port: int, stop: Stop, task: "asyncio.Task[None]") -> None:
        self._port = port
        self.stop = stop
        self.task = task

    async def page(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self._port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as found:
            return found.status, await found.text()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    key = tmp_path / "root.key"
    key.write_text(ROOT_KEY)
    return Settings(
        database=Database(url=Secret(database_url)),
        keyring=Keyring(root_key_file=str(key)),
        authsvc=Authsvc(grpc="127.0.0.1:0"),
        analytics=Analytics(grpc="127.0.0.1:0"),
        diagnostics=Diagnostics(listen=f"127.0.0.1:{free_port()}"),
    )


@asynccontextmanager
async def running(role: Role, settings: Settings, part: Part) -> AsyncIterator[Running]:
    stop = Stop()
    task = asyncio.create_task(stop.run(run_role(role, settings, stop, open_role=part.open)))
    port = int((settings.diagnostics.listen or "").rpartition(":")[2])
    try:
        await eventually(lambda: part.events or task.done(), "it to serve")
        yield Running(port, stop, task)
    finally:
        stop.ask()
        await task


async def test_it_serves_and_drains_when_asked(settings: Settings) -> None:
    part = Part()
    async with running("authsvc", settings, part) as role:
        assert part.events == ["serves"]
        role.stop.ask()
        await role.task
    assert part.events == ["serves", "drains", "drained"]


async def test_it_is_ready_when_it_has_what_it_needs(settings: Settings) -> None:
    part = Part(keyring=True)
    async with running("authsvc", settings, part) as role:
        assert (await role.page("/readyz"))[0] == 200
        part.answers = {"keyring": False, "database": False}

        async def is_unready() -> bool:
            return (await role.page("/readyz"))[0] == 503

        await eventually(is_unready, "it to notice")
        assert "[-] authsvc.keyring failed" in (await role.page("/readyz?verbose"))[1]
        assert (await role.page("/healthz"))[0] == 200


async def test_analytics_is_ready_whatever_it_lacks(settings: Settings) -> None:
    async with running("analytics", settings, Part(collector=False)) as role:
        status, page = await role.page("/readyz?verbose")
        assert (status, "[-] analytics.collector" in page) == (200, True)


async def test_it_is_not_ready_while_it_drains(settings: Settings) -> None:
    part = Part()
    async with running("authsvc", settings, part) as role:
        part.may_drain.clear()
        role.stop.ask()
        await eventually(lambda: "drains" in part.events, "it to drain")
        assert (await role.page("/readyz"))[0] == 503
        part.may_drain.set()


async def test_asked_twice_it_waits_for_nothing(settings: Settings) -> None:
    part = Part()
    part.may_drain.clear()
    async with running("authsvc", settings, part) as role:
        role.stop.ask()
        await eventually(lambda: "drains" in part.events, "it to drain")
        role.stop.ask()
        ended, _ = await asyncio.wait((role.task,), timeout=20)
        part.may_drain.set()
    assert ended
    assert "drained" not in part.events


async def test_its_metrics_are_its_own(settings: Settings) -> None:
    async with running("authsvc", settings, Part()) as role:
        assert 'lookups_total{kind="hit"} 1.0' in (await role.page("/metrics"))[1]


@pytest.mark.parametrize(("role", "has_key"), [("authsvc", True), ("analytics", False)])
async def test_only_who_opens_credentials_gets_the_root_key(
    settings: Settings, role: Role, has_key: bool
) -> None:
    part = Part()
    async with running(role, settings, part):
        assert (part.spec.root_key == Secret(ROOT_KEY)) is has_key
