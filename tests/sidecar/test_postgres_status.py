"""Reading postmaster.pid, and outliving the last server."""

import asyncio
from pathlib import Path

import pytest

from sidecar import postgres_status
from sidecar.errors import EmbeddedPostgresError
from sidecar.postgres_status import Status, clear_leftovers, read_status

READY = "4242\n/data\n1700000000\n5432\n/sockets\n\n1 2\nready   \n"


def write(directory: Path, text: str) -> Path:
    (directory / "postmaster.pid").write_text(text)
    return directory


def test_a_server_says_where_it_is(tmp_path: Path) -> None:
    status = read_status(write(tmp_path, READY))
    assert status == Status(pid=4242, port=5432, sockets=Path("/sockets"), ready=True)
    assert status.socket == Path("/sockets/.s.PGSQL.5432")


def test_a_server_that_starts_is_not_ready(tmp_path: Path) -> None:
    status = read_status(write(tmp_path, READY.replace("ready   ", "starting")))
    assert status is not None
    assert not status.ready


@pytest.mark.parametrize(
    "text", ["", "4242\n", READY.replace("4242", "?"), "\n".join(READY.splitlines()[:7])]
)
def test_half_a_file_says_nothing(tmp_path: Path, text: str) -> None:
    assert read_status(write(tmp_path, text)) is None


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None


async def test_what_a_dead_server_left_is_cleared(tmp_path: Path) -> None:
    await clear_leftovers(write(tmp_path, READY))
    assert read_status(tmp_path) is None
    await clear_leftovers(tmp_path)


@pytest.fixture
def postgres_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that looks like a server process: for the system, its name says what it is."""
    program = tmp_path_factory.mktemp("bin") / "postgres"
    program.symlink_to("/bin/sleep")
    return program


async def test_a_server_that_is_ending_is_waited_for(
    tmp_path: Path, postgres_program: Path
) -> None:
    process = await asyncio.create_subprocess_exec(postgres_program, "1000", cwd=tmp_path)
    cleared = asyncio.create_task(clear_leftovers(write(tmp_path, READY)))
    await asyncio.wait({cleared}, timeout=0.2)
    assert not cleared.done()
    process.kill()
    await process.wait()
    await cleared
    assert read_status(tmp_path) is None


async def test_a_server_that_goes_on_is_left_alone(
    tmp_path: Path, postgres_program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_status, "_LEFT_WITHIN", 0.1)
    process = await asyncio.create_subprocess_exec(postgres_program, "1000", cwd=tmp_path)
    with pytest.raises(EmbeddedPostgresError, match=f"process {process.pid}"):
        await clear_leftovers(write(tmp_path, READY))
    assert process.returncode is None
    assert read_status(tmp_path) is not None
    process.kill()
    await process.wait()
