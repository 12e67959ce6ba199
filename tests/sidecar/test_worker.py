"""A role in a process of its own: told, heard, drained, and gone with its parent."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.child import Child
from sidecar.control import Failure, Report
from tests.deadline import eventually
from tests.fakes.processes import is_alive
from tests.fakes.role_process import Journal
from tests.fakes.stage import COMMAND, spec_of


@asynccontextmanager
async def child(directory: Path, **script: object) -> AsyncIterator[Child]:
    (directory / "authsvc-0.json").write_text(json.dumps(script))
    started = await Child.start(spec_of("authsvc-0", directory), command=COMMAND)
    try:
        yield started
    finally:
        await started.end()


async def test_it_reports_again_and_again(tmp_path: Path) -> None:
    async with child(tmp_path, checks={"database": False}) as process:
        for _ in range(2):
            assert await process.receive() == Report(checks={"database": False})


async def test_asked_to_stop_it_drains_and_ends_well(tmp_path: Path) -> None:
    async with child(tmp_path) as process:
        await process.receive()
        process.ask_to_stop()
        assert await process.exit_code() == 0
    assert Journal(tmp_path).events()[-2:] == ["authsvc-0 drains", "authsvc-0 drained"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
async def test_of_other_signals_an_interrupt_stops_it_and_a_hangup_does_not(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with child(tmp_path) as process:
        await process.receive()
        process._process.send_signal(number)
        if number == signal.SIGHUP:
            assert await process.receive() is not None
        else:
            assert await process.exit_code() == 0


async def test_a_mistake_of_the_operator_is_told_in_one_line(tmp_path: Path) -> None:
    async with child(tmp_path, misconfigured="authsvc.grpc: is wrong") as process:
        said = await process.receive()
        assert said == Failure(message="authsvc.grpc: is wrong", configuration=True)
        assert await process.exit_code() == 2


async def test_a_fault_of_ours_is_logged_and_told_by_the_exit_code_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with child(tmp_path, fault="canary") as process:
        assert await process.receive() is None
        assert await process.exit_code() == 1
    [line] = [each for each in capfd.readouterr().out.splitlines() if "role failed" in each]
    assert json.loads(line)["exception"][0]["exc_type"] == "RuntimeError"


async def test_checks_that_do_not_answer_are_a_failed_check(tmp_path: Path) -> None:
    async with child(tmp_path, slow_checks=3600) as process:
        assert await process.receive() == Report(checks={"responsive": False})


async def test_without_a_word_from_its_parent_it_is_nothing(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, str(theirs.fileno()), pass_fds=(theirs.fileno(),)
        )
    ours.close()
    assert await process.wait() == 1


async def test_it_drains_when_its_parent_has_gone(tmp_path: Path) -> None:
    async with child(tmp_path) as process:
        await process.receive()
        process._channel.close()
        assert await process.exit_code() == 0
    assert Journal(tmp_path).events()[-1] == "authsvc-0 drained"


async def test_it_does_not_survive_its_parent_for_long_even_if_its_drain_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORPHAN_SECONDS", "0.2")
    async with child(tmp_path, drain_seconds=3600) as process:
        await process.receive()
        process._channel.close()
        await eventually(lambda: not is_alive(process.pid), "its end")
    assert Journal(tmp_path).events()[-1] == "authsvc-0 drains"
