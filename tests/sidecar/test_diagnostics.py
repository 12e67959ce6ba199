"""Health, readiness and metrics, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sidecar.address import TcpAddress, UnixAddress
from sidecar.diagnostics import Diagnostics, serve_diagnostics
from sidecar.errors import StartupError
from sidecar.readiness import Check

READY = [Check("started", ok=True), Check("analytics-0.collector", ok=False, needed=False)]
NOT_READY = [*READY, Check("authsvc-0.database", ok=False)]
VERBOSE = """\
[+] started ok
[-] analytics-0.collector failed (does not count)
[-] authsvc-0.database failed
not ready
"""


class Process:
    """What the pages are asked about."""

    def __init__(self) -> None:
        self.checks = READY
        self.page = b"tollkeeper_check_total 1.0\n"


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def client(process: Process) -> AsyncIterator[aiohttp.ClientSession]:
    pages = Diagnostics(checks=lambda: process.checks, metrics=lambda: process.page)
    async with serve_diagnostics(pages, TcpAddress("127.0.0.1", 0)) as bound:
        assert bound is not None
        async with aiohttp.ClientSession(f"http://127.0.0.1:{bound[1]}") as session:
            yield session


async def test_health_is_that_the_loop_turns_whatever_is_ready(
    client: aiohttp.ClientSession, process: Process
) -> None:
    process.checks = NOT_READY
    async with client.get("/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")


@pytest.mark.parametrize(("checks", "status"), [(READY, 200), (NOT_READY, 503)])
async def test_readiness_is_what_is_needed(
    client: aiohttp.ClientSession, process: Process, checks: list[Check], status: int
) -> None:
    process.checks = checks
    async with client.get("/readyz") as response:
        assert response.status == status
        assert response.headers["Cache-Control"] == "no-store"


async def test_verbose_lists_the_checks_for_people(
    client: aiohttp.ClientSession, process: Process
) -> None:
    process.checks = NOT_READY
    async with client.get("/readyz?verbose") as response:
        assert (response.status, await response.text()) == (503, VERBOSE)


async def test_verbose_lists_the_checks_for_programs(
    client: aiohttp.ClientSession, process: Process
) -> None:
    process.checks = NOT_READY
    async with client.get("/readyz?verbose", headers={"Accept": "application/json"}) as response:
        assert response.status == 503
        assert await response.json() == {
            "ready": False,
            "checks": [
                {"name": "started", "ok": True, "needed": True},
                {"name": "analytics-0.collector", "ok": False, "needed": False},
                {"name": "authsvc-0.database", "ok": False, "needed": True},
            ],
        }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("exclude=database", 200),
        ("exclude=authsvc-0.database", 200),
        ("exclude=other&exclude=authsvc-0", 200),
        ("exclude=started", 503),
        ("exclude=", 503),
    ],
)
async def test_checks_can_be_excluded(
    client: aiohttp.ClientSession, process: Process, query: str, status: int
) -> None:
    process.checks = NOT_READY
    async with client.get(f"/readyz?{query}") as response:
        assert response.status == status


async def test_metrics_are_for_prometheus(client: aiohttp.ClientSession, process: Process) -> None:
    async with client.get("/metrics") as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await response.read() == process.page


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_pages_are_only_read(client: aiohttp.ClientSession, path: str) -> None:
    async with client.head(path) as response:
        assert response.status == 200
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        async with client.request(method, path) as response:
            assert response.status == 405


async def test_there_is_nothing_else(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as response:
        assert response.status == 404


async def test_a_page_of_metrics_that_takes_long_keeps_nobody_waiting(process: Process) -> None:
    asked, released = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> bytes:
        loop.call_soon_threadsafe(asked.set)
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result(10)
        return process.page

    pages = Diagnostics(checks=lambda: process.checks, metrics=slow)
    async with (
        serve_diagnostics(pages, TcpAddress("127.0.0.1", 0)) as bound,
        aiohttp.ClientSession(f"http://127.0.0.1:{bound[1] if bound else 0}") as client,
    ):
        metrics = asyncio.create_task(client.get("/metrics"))
        await asked.wait()
        async with client.get("/healthz") as response:
            assert response.status == 200
        released.set()
        assert (await metrics).status == 200


async def test_it_can_be_served_on_a_unix_socket(process: Process, tmp_path: Path) -> None:
    pages = Diagnostics(checks=lambda: process.checks, metrics=lambda: process.page)
    path = str(tmp_path / "socket")
    async with (
        serve_diagnostics(pages, UnixAddress(path)),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as client,
        client.get("http://here/healthz") as response,
    ):
        assert response.status == 200


async def test_an_address_that_cannot_be_listened_on_is_told(process: Process) -> None:
    pages = Diagnostics(checks=lambda: process.checks, metrics=lambda: process.page)
    with pytest.raises(StartupError, match=r"^cannot listen on 192\.0\.2\.1:80: "):
        async with serve_diagnostics(pages, TcpAddress("192.0.2.1", 80)):
            pass
