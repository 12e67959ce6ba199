"""Processes are kept alive, and end in order."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar import control
from sidecar.declarative.file import DeclarationFile
from sidecar.declarative.registrar import Registrar
from sidecar.errors import SettingsError
from sidecar.readiness import is_ready
from sidecar.stopping import Stop
from tests.deadline import eventually
from tests.fakes import stage as stage_module
from tests.fakes.declarations import CountedLoads, a_consumer, declared
from tests.fakes.processes import is_alive
from tests.fakes.stage import Stage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_process_that_is_killed_is_started_again(stage: Stage) -> None:
    async with stage.raised("authsvc-0"):
        await stage.serves("authsvc-0")
        [first] = stage.pids("authsvc-0")
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: len(stage.pids("authsvc-0")) == 2, "a second process")
        await stage.serves("authsvc-0")
        assert not is_alive(first)


async def test_a_process_that_ends_by_itself_is_started_again(stage: Stage) -> None:
    async with stage.raised("authsvc-0"):
        await stage.serves("authsvc-0")
        os.kill(stage.pids("authsvc-0")[0], signal.SIGTERM)
        await eventually(lambda: len(stage.pids("authsvc-0")) == 2, "a second process")


async def test_who_takes_requests_drains_before_who_is_told_about_them(stage: Stage) -> None:
    stage.play("authsvc-0", drain_seconds=0.3)
    names = ("analytics-0", "authsvc-0", "admin-0")
    async with stage.raised(*names):
        await stage.serves(*names)
    events = stage.journal.events()
    for name in ("authsvc-0", "admin-0"):
        assert events.index(f"{name} drained") < events.index("analytics-0 drains")
    assert "analytics-0 drained" in events


async def test_a_drain_that_takes_too_long_is_cut_short(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(control.DRAIN_SECONDS, "authsvc", 0.3)
    stage.play("authsvc-0", drain_seconds=3600)
    async with stage.raised("authsvc-0", "analytics-0"):
        await stage.serves("authsvc-0", "analytics-0")
        [stuck] = stage.pids("authsvc-0")
    assert not is_alive(stuck)
    assert "analytics-0 drained" in stage.journal.events()


async def test_a_process_that_starts_while_all_stops_is_stopped_too(stage: Stage) -> None:
    stage.play("authsvc-0", hang_start=True)
    async with stage.raised("authsvc-0"):
        await eventually(stage.journal.events, "the process to start")
    [line] = stage.journal.events()
    assert not is_alive(int(line.split()[2]))


async def test_a_process_that_cannot_be_configured_ends_all_with_what_it_says(
    stage: Stage,
) -> None:
    stage.play("authsvc-1", misconfigured="authsvc.grpc: is wrong")
    with pytest.raises(SettingsError, match=r"^authsvc\.grpc: is wrong$"):
        async with stage.raised("authsvc-0", "authsvc-1") as supervisor:
            await supervisor.watch(Stop())


async def test_a_process_that_served_before_is_retried_even_if_it_cannot_be_configured(
    stage: Stage,
) -> None:
    async with stage.raised("authsvc-0") as supervisor:
        await stage.serves("authsvc-0")
        stage.play("authsvc-0", misconfigured="the schema is newer")
        os.kill(stage.pids("authsvc-0")[0], signal.SIGKILL)
        await eventually(lambda: len(stage.journal.events()) > 4, "several starts")
        stage.play("authsvc-0")
        await stage.serves("authsvc-0")
        assert supervisor.checks()


async def test_exit_code_2_without_a_word_is_a_crash_like_any_other(stage: Stage) -> None:
    stage.play("authsvc-0", exit=2)
    async with stage.raised("authsvc-0"):
        await eventually(lambda: len(stage.journal.events()) >= 2, "a second start")
        stage.play("authsvc-0")
        await stage.serves("authsvc-0")


async def test_asked_twice_nothing_is_waited_for(stage: Stage) -> None:
    stage.play("authsvc-0", drain_seconds=3600)
    async with stage.raised("authsvc-0") as supervisor:
        await stage.serves("authsvc-0")
        stop = Stop()
        stop.serving(again=supervisor.kill)
        stop.ask()
        stop.ask()
        await supervisor.watch(stop)
    assert "authsvc-0 drained" not in stage.journal.events()


READINESS: dict[str, tuple[tuple[str, ...], Callable[[Stage], None], bool]] = {
    "all have what they need": (("authsvc-0", "admin-0"), lambda _: None, True),
    "authsvc lacks something": (
        ("authsvc-0", "admin-0"),
        lambda stage: stage.play("authsvc-0", checks={"keyring": False}),
        False,
    ),
    "the database is away, and known keys go on": (
        ("authsvc-0", "admin-0"),
        lambda stage: stage.play("authsvc-0", checks={"database": False}),
        True,
    ),
    "analytics lacks something": (
        ("authsvc-0", "analytics-0"),
        lambda stage: stage.play("analytics-0", checks={"collector": False}),
        True,
    ),
    "one worker of two is not there": (
        ("authsvc-0", "authsvc-1"),
        lambda stage: stage.play("authsvc-1", exit=1),
        True,
    ),
}


@pytest.mark.parametrize("case", READINESS)
async def test_readiness_follows_what_the_processes_report(stage: Stage, case: str) -> None:
    names, prepare, ready = READINESS[case]
    prepare(stage)
    async with stage.raised(*names) as supervisor:
        await stage.serves(*(name for name in names if name != "authsvc-1"))
        assert is_ready(supervisor.checks()) is ready


async def test_no_process_of_a_role_is_not_ready(stage: Stage) -> None:
    stage.play("authsvc-0", exit=1)
    async with stage.raised("authsvc-0") as supervisor:
        await eventually(stage.journal.events, "the process to start")
        assert not is_ready(supervisor.checks())


async def test_metrics_of_all_processes_are_one_page_and_counts_outlive_a_process(
    stage: Stage,
) -> None:
    async with stage.raised("authsvc-0", "authsvc-1"):
        await stage.serves("authsvc-0", "authsvc-1")
        page = stage.counters.page().decode()
        assert 'tollkeeper_check_total{reason="ok",result="allow",transport="grpc"} 2.0' in page
        assert 'tollkeeper_cache_entries{kind="credential"} 14.0' in page
        stage.play("authsvc-1", exit=1)
        os.kill(stage.pids("authsvc-1")[0], signal.SIGKILL)
        await eventually(
            lambda: (
                'tollkeeper_cache_entries{kind="credential"} 7.0' in stage.counters.page().decode()
            ),
            "the dead process's gauge to go",
        )
        page = stage.counters.page().decode()
        assert 'tollkeeper_check_total{reason="ok",result="allow",transport="grpc"} 2.0' in page
        assert 'tollkeeper_process_up{process="authsvc-1"} 0.0' in page


async def test_children_are_told_no_secret_by_arguments_or_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", "postgresql://user:canary@host/db")
    async with stage.raised("authsvc-0"):
        await stage.serves("authsvc-0")
        [pid] = stage.pids("authsvc-0")
        assert b"canary" not in told_by_the_kernel(pid)


def told_by_the_kernel(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{kind}").read_bytes() for kind in ("environ", "cmdline"))


@pytest.mark.parametrize("script", [{}, {"hang_after": 0}], ids=["serving", "hanging"])
async def test_nothing_outlives_a_supervisor_that_is_killed(
    stage: Stage, script: dict[str, object]
) -> None:
    stage.play("authsvc-0", **script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ORPHAN_SECONDS": "0.5"}
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable,
        str(stage_module.__file__),
        str(stage.directory),
        "authsvc-0",
        "analytics-0",
        env=environment,
    )
    try:
        await eventually(
            lambda: stage.pids("authsvc-0") and stage.pids("analytics-0"), "both to serve"
        )
    finally:
        supervisor.kill()
        await supervisor.wait()
    pids = stage.pids("authsvc-0") + stage.pids("analytics-0")
    await eventually(lambda: not any(map(is_alive, pids)), "both to be gone")


async def test_every_process_hears_of_a_declaration_and_a_new_one_of_the_newest(
    stage: Stage,
) -> None:
    registrar = Registrar(declared(), metrics=CountedLoads())
    names = ("authsvc-0", "analytics-0")
    async with stage.raised(*names, declared=registrar) as supervisor:
        await stage.serves(*names)
        assert await supervisor.until_applied(1, seconds=20)
        file = DeclarationFile(str(stage.directory / "none.yaml"))
        async with registrar.serving(supervisor, file):
            await registrar.take(declared(consumers=[a_consumer("a", "k")]))
        assert await supervisor.until_applied(2, seconds=20)
        assert not await supervisor.until_applied(3, seconds=0.01)
        os.kill(stage.pids("authsvc-0")[0], signal.SIGKILL)
        await eventually(lambda: len(stage.pids("authsvc-0")) == 2, "a second process")
        await stage.serves("authsvc-0")
        assert await supervisor.until_applied(2, seconds=20)
    loaded = [line for line in stage.journal.events() if " loads " in line]
    assert [line for line in loaded if line.startswith("authsvc")] == [
        "authsvc-0 loads 1",
        "authsvc-0 loads 2",
        "authsvc-0 loads 2",
    ]
    assert "analytics-0 loads 2" in loaded
