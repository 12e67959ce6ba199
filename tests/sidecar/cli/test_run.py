"""`tollkeeper run` and `migrate`, as an operator sees them: real processes, real exits."""

import asyncio
import base64
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.deadline import eventually
from tests.fakes.free_port import free_port
from tests.fakes.postgres import PostgresServer
from tests.fakes.processes import descendants, is_alive

TOLLKEEPER = str(Path(sys.executable).with_name("tollkeeper"))
PASSWORD = "canary4711"


class Operator:
    """Runs the program in a directory of its own, with settings from the environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.diagnostics = free_port()
        self.root_key = directory / "root.key"
        self.root_key.write_text(base64.b64encode(bytes(range(32))).decode())
        self.root_key.chmod(0o600)
        self.environ = {
            "DIAGNOSTICS__LISTEN": f"127.0.0.1:{self.diagnostics}",
            "AUTHSVC__GRPC": f"unix:{directory}/authsvc",
            "AUTHSVC__HTTP": "",
            "ANALYTICS__GRPC": f"unix:{directory}/analytics",
            "ADMIN__LISTEN": f"127.0.0.1:{free_port()}",
        }

    def use(self, url: str) -> None:
        """Use a database that is there."""
        self.environ |= {"DATABASE__URL": url, "KEYRING__ROOT_KEY_FILE": str(self.root_key)}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command."""
        ours = {f"TOLLKEEPER_{name}": value for name, value in self.environ.items()}
        return await asyncio.create_subprocess_exec(
            TOLLKEEPER,
            *arguments,
            cwd=self.directory,
            env={**os.environ, **ours},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def ended(self, *arguments: str) -> tuple[int | None, str, str]:
        """Run a command to its end; return its code, and what it printed."""
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    async def refused(self, *arguments: str, code: int) -> str:
        """Run a command that must fail with one line, and return the line."""
        returned, out, err = await self.ended(*arguments)
        [line] = err.splitlines()
        assert returned == code, line
        assert line.startswith("tollkeeper: ")
        assert PASSWORD not in out + err
        return line.removeprefix("tollkeeper: ")

    @asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the product; it is ready inside the context."""
        process = await self.start("run", *arguments)
        try:
            await eventually(lambda: self.is_ready(process), "it to get ready", within=60)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def is_ready(self, process: asyncio.subprocess.Process) -> bool:
        if process.returncode is not None:
            raise AssertionError((await process.communicate())[1].decode())
        try:
            return await self.page("/readyz") == "ok\n"
        except aiohttp.ClientError:
            return False

    async def page(self, path: str, headers: Mapping[str, str] | None = None) -> str:
        """Return a page of the diagnostics."""
        url = f"http://127.0.0.1:{self.diagnostics}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as found:
            return await found.text()


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def with_database(operator: Operator, database_url: str) -> Operator:
    operator.use(database_url)
    return operator


def lines_of(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_all_roles_serve_until_they_are_asked_to_stop_and_then_end_in_order(
    with_database: Operator, number: signal.Signals
) -> None:
    async with with_database.running() as process:
        children = descendants(process.pid)
        assert len(children) == 3
        process.send_signal(number)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert not any(map(is_alive, children))
    drained = [line["role"] for line in lines_of(out) if line["event"] == "drained"]
    assert set(drained[:2]) == {"authsvc", "admin"}
    assert drained[2:] == ["analytics"]


async def test_nothing_is_left_when_it_is_killed_not_even_its_database(operator: Operator) -> None:
    async with operator.running() as process:
        children = descendants(process.pid)
        assert len(children) > 4  # three roles, and Postgres with its own
        process.kill()
        await eventually(lambda: not any(map(is_alive, children)), "all to be gone")


async def test_a_role_that_is_killed_comes_back(with_database: Operator) -> None:
    async with with_database.running() as process:
        before = descendants(process.pid)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        await eventually(
            lambda: len(descendants(process.pid) - {victim}) == 3, "another in its place"
        )


async def test_the_pages_of_all_processes_are_one(with_database: Operator) -> None:
    async with with_database.running():
        page = await with_database.page("/metrics")
        for process in ("authsvc-0", "analytics-0", "admin-0"):
            assert f'tollkeeper_process_starts_total{{process="{process}"}} 1.0' in page
        assert "tollkeeper_database_up 1.0" in page
        checks = await with_database.page("/readyz?verbose", {"Accept": "application/json"})
        assert json.loads(checks)["ready"]


@pytest.mark.parametrize("role", ["authsvc", "analytics", "admin"])
async def test_one_role_alone_is_one_process(with_database: Operator, role: str) -> None:
    async with with_database.running("--role", role) as process:
        assert not descendants(process.pid)
        assert "[+] started ok" in await with_database.page("/readyz?verbose")
        assert "tollkeeper_" in await with_database.page("/metrics")
        process.terminate()
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert {line["role"] for line in lines_of(out)} == {role}


async def test_analytics_alone_needs_no_root_key(with_database: Operator) -> None:
    del with_database.environ["KEYRING__ROOT_KEY_FILE"]
    async with with_database.running("--role", "analytics"):
        assert "[+] started ok" in await with_database.page("/readyz?verbose")
    assert "keyring.root_key_file" in await with_database.refused("run", code=2)


async def test_a_taken_port_is_named_with_its_setting(with_database: Operator) -> None:
    with closing(socket.create_server(("127.0.0.1", with_database.diagnostics), reuse_port=True)):
        line = await with_database.refused("run", code=2)
    assert line.startswith("diagnostics.listen (TOLLKEEPER_DIAGNOSTICS__LISTEN): ")
    assert f"127.0.0.1:{with_database.diagnostics}" in line


async def test_a_second_one_does_not_share_the_first_ones_ports(with_database: Operator) -> None:
    with_database.environ["AUTHSVC__GRPC"] = f"127.0.0.1:{free_port()}"
    async with with_database.running():
        line = await with_database.refused("run", code=2)
    assert line.startswith("authsvc.grpc (TOLLKEEPER_AUTHSVC__GRPC): cannot listen on 127.0.0.1:")


@pytest.mark.parametrize("command", [["run"], ["run", "--role", "authsvc"], ["migrate"]])
async def test_a_wrong_setting_is_one_line_and_2(operator: Operator, command: list[str]) -> None:
    operator.environ["DATABASE__URL"] = f"mysql://u:{PASSWORD}@h/d"
    line = await operator.refused(*command, code=2)
    assert line.startswith("database.url (TOLLKEEPER_DATABASE__URL): ")


@pytest.mark.parametrize("command", [["run"], ["run", "--role", "authsvc"], ["migrate"]])
async def test_a_database_that_is_away_is_one_line_and_1(
    operator: Operator, command: list[str]
) -> None:
    operator.use(f"postgresql://user:{PASSWORD}@127.0.0.1:1/db")
    assert await operator.refused(*command, code=1)


@pytest.mark.parametrize("command", [["run"], ["run", "--role", "admin"]])
async def test_a_wrong_root_key_is_one_line_and_2(
    with_database: Operator, command: list[str]
) -> None:
    async with with_database.running("--role", "authsvc"):
        pass  # made the keyring
    with_database.root_key.write_text(base64.b64encode(bytes(32)).decode())
    assert "root key" in await with_database.refused(*command, code=2)


@pytest.mark.parametrize("command", [["run"], ["run", "--role", "authsvc"], ["migrate"]])
async def test_a_newer_schema_is_one_line_and_2(
    with_database: Operator, command: list[str], database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')"
    )
    await connection.close()
    assert "newer" in await with_database.refused(*command, code=2)


async def test_a_role_that_listens_nowhere_is_one_line_and_2(with_database: Operator) -> None:
    with_database.environ["ADMIN__LISTEN"] = ""
    assert "nothing to run as admin" in await with_database.refused(
        "run", "--role", "admin", code=2
    )


async def test_nothing_to_run_is_one_line_and_2(with_database: Operator) -> None:
    for name in ("ADMIN__LISTEN", "AUTHSVC__GRPC", "ANALYTICS__GRPC"):
        with_database.environ[name] = ""
    assert "nothing to run" in await with_database.refused("run", code=2)


async def test_a_stop_while_it_starts_ends_it_without_a_trace(operator: Operator) -> None:
    process = await operator.start("run")
    await eventually((operator.directory / "var" / "postgres").exists, "the database to be made")
    children = descendants(process.pid)
    process.terminate()
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    await eventually(lambda: not any(map(is_alive, children)), "all to be gone")


async def test_a_hangup_is_survived(with_database: Operator) -> None:
    async with with_database.running() as process:
        process.send_signal(signal.SIGHUP)
        process.terminate()
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert any("SIGHUP" in line["event"] for line in lines_of(out))


async def test_migrate_says_what_it_did(
    operator: Operator, postgres_server: PostgresServer
) -> None:
    with postgres_server.new_database(migrated=False) as url:
        operator.use(url)
        code, out, err = await operator.ended("migrate")
        assert (code, err) == (0, "")
        assert out.startswith("applied 0001_")
        assert await operator.ended("migrate") == (0, "the schema is up to date\n", "")
