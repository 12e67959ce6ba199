"""Everything without a database: declared in a file, through a real Envoy."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from sidecar.admin_client import AdminClient, AdminRefusedError, open_admin
from sidecar.demo.echo import running_echo
from sidecar.envoy_process import running_envoy
from tests.clients.raw_http import Response, send
from tests.deadline import eventually
from tests.fakes.collector import Collector
from tests.fakes.declarations import a_consumer
from tests.fakes.processes import is_alive
from tests.fakes.product import HOST, TOLLKEEPER, Product, clean_environment
from tests.fakes.stack import plan_of

WORKERS = 2
EVERY_WORKER = 8  # requests that are likely to meet each of two workers


@dataclass
class Place:
    """The product without a database, behind Envoy."""

    product: Product
    admin: AdminClient
    collector: Collector
    echo: int
    port: int

    def file(self, *keys: str, **more: Any) -> str:
        """Return a file with a consumer for each key, named by it."""
        moesif = {"application_id": "tests", "api_endpoint": self.collector.url}
        consumers = [a_consumer(f"of-{key}", key) for key in keys]
        document = {
            "_format_version": "3.0",
            "services": [
                {
                    "name": "web",
                    "url": f"http://{HOST}:{self.echo}",
                    "routes": [{"name": "all", "paths": ["/"], "strip_path": False}],
                }
            ],
            "plugins": [
                {"name": "key-auth", "config": {"hide_credentials": True}},
                {"name": "moesif", "config": {**moesif, "batch_max_wait": 100}},
            ],
            "consumers": consumers,
            **more,
        }
        return yaml.safe_dump(document)

    async def get(self, key: str) -> Response:
        return await send(self.port, "/", f"apikey: {key}")

    async def is_answered(self, key: str, status: int) -> bool:
        """Tell whether every worker answers so."""
        answers = [(await self.get(key)).status for _ in range(EVERY_WORKER)]
        return set(answers) == {status}

    async def goes_by(self, *, valid: str, invalid: str) -> None:
        """Wait until one key is good at every worker and the other is not."""

        async def is_so() -> bool:
            return await self.is_answered(valid, 200) and await self.is_answered(invalid, 401)

        await eventually(is_so, f"{valid} to be good, and {invalid} not", within=5)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    directory: Path = tmp_path_factory.mktemp("db-less")
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(running_echo(HOST, 0))
        collector = await stack.enter_async_context(Collector())
        place = Place(None, None, collector, echo, 0)  # type: ignore[arg-type]  # filled in below
        place.product = Product(directory, declared=place.file("first"), workers=WORKERS)
        await stack.enter_async_context(place.product)
        place.admin = await stack.enter_async_context(open_admin(place.product.admin_url))
        plan = await plan_of(place.product)
        envoy = await stack.enter_async_context(
            running_envoy(plan, log_file=directory / "envoy.log")
        )
        place.port = await envoy.port()
        yield place


@pytest_asyncio.fixture(loop_scope="session")
async def place(running: Place) -> AsyncIterator[Place]:
    """The place, with one key that is called ``first``."""
    yield running
    running.product.declare(running.file("first"))
    running.product.hang_up()
    await running.goes_by(valid="first", invalid="unknown")


async def test_a_declared_key_works_and_its_consumer_reaches_the_upstream(place: Place) -> None:
    answer = await place.get("first")
    assert answer.status == 200
    assert answer.json()["headers"]["x-consumer-username"] == "of-first"
    assert "apikey" not in answer.json()["headers"]
    assert (await place.get("another")).status == 401


async def test_calls_become_events_of_the_declared_consumer(place: Place) -> None:
    await send(place.port, "/seen-without-a-database", "apikey: first")

    def seen() -> bool:
        return any("seen-without-a-database" in e["request"]["uri"] for e in place.collector.events)

    await eventually(seen, "the event")


async def test_a_posted_configuration_is_live_everywhere_when_it_is_answered(place: Place) -> None:
    for key, before in (("second", "first"), ("third", "second")):
        answer = await place.admin.send("POST", "/config", {"config": place.file(key)})
        assert [each["username"] for each in answer["consumers"].values()] == [f"of-{key}"]
        assert await place.is_answered(key, 200)
        assert await place.is_answered(before, 401)


async def test_a_bad_configuration_is_refused_and_changes_nothing(place: Place) -> None:
    with pytest.raises(AdminRefusedError, match="declarative config is invalid"):
        await place.admin.send("POST", "/config", {"config": place.file("x", acls=[{}])})
    assert await place.is_answered("first", 200)
    assert await place.is_answered("x", 401)


async def test_a_change_of_the_file_and_a_hangup_are_taken_up(place: Place) -> None:
    place.product.declare(place.file("changed"))
    await place.goes_by(valid="changed", invalid="first")
    await place.admin.send("POST", "/config", {"config": place.file("posted")})
    place.product.hang_up()  # the file counts again, though it did not change
    await place.goes_by(valid="changed", invalid="posted")


async def test_a_bad_file_leaves_what_was_in_force_and_is_told_without_keys(place: Place) -> None:
    place.product.declare(place.file("canary", services=[{"name": "no-host"}]))

    async def refused() -> bool:
        return "tollkeeper_declaration_file_refused 1.0" in await place.product.page("/metrics")

    await eventually(refused, "the refusal")
    assert await place.is_answered("first", 200)
    log = place.product.log.read_text()
    assert "no-host" in log
    assert "canary" not in log


async def test_a_worker_that_is_killed_comes_back_with_the_newest(place: Place) -> None:
    await place.admin.send("POST", "/config", {"config": place.file("newest")})
    for role in ("authsvc", "admin"):
        before = place.product.workers(role)
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def are_back(role: str = role, before: list[int] = before) -> bool:
            now = place.product.workers(role)
            return not set(now) & set(before) and all(map(is_alive, now))

        await eventually(are_back, f"{role} to come back")
    await place.goes_by(valid="newest", invalid="first")

    async def is_told() -> bool:
        rows = (await place.admin.send("GET", "/consumers"))["data"]
        return [each["username"] for each in rows] == ["of-newest"]

    await eventually(is_told, "the Admin API to show the newest")


async def test_a_bad_file_at_the_start_is_told_in_a_line_and_ends_with_2(
    place: Place, tmp_path: Path
) -> None:
    product = Product(tmp_path, declared=place.file("canary", acls=[{"group": "g"}]))
    process = await asyncio.create_subprocess_exec(
        *(TOLLKEEPER, "run", "--config", tmp_path / "tollkeeper.yaml"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert told.decode().splitlines()[-1:] == [
        "tollkeeper: declarative_config: acls[1]: consumer: required field missing"
    ]
    assert b"canary" not in told
    assert not product.log.exists()
