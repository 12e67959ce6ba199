"""What the bench starts is gone afterwards, whatever happens."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench import processes
from bench.processes import (
    Command,
    cpu_seconds,
    machine_busy_seconds,
    move,
    resident_bytes,
    started_together,
)

IDLE = Command("tests.fakes.idle_contender")


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_contenders_run_until_the_block_ends_however_it_ends() -> None:
    pids: list[int] = []

    def fail_within() -> None:
        with started_together({"one": IDLE, "two": IDLE}) as servers:
            pids.extend(server.pid for server in servers.values())
            assert all(map(is_running, pids))
            assert servers["one"].port != servers["two"].port
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()

    assert len(pids) == 2
    assert not any(map(is_running, pids))


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOPPED_WITHIN", 0.1)

    with started_together({"one": replace(IDLE, arguments=("stubborn",))}) as servers:
        pid = servers["one"].pid

    assert not is_running(pid)


def test_one_that_does_not_start_ends_the_others() -> None:
    nothing = Command("tests.fakes.no_such_contender")

    with (
        pytest.raises(RuntimeError, match="two did not start"),
        started_together({"one": IDLE, "two": nothing}),
    ):
        pass


def test_a_process_is_watched_by_its_own_clock() -> None:
    before, busy = cpu_seconds(os.getpid()), machine_busy_seconds()
    while cpu_seconds(os.getpid()) - before < 0.05:
        pass

    assert machine_busy_seconds() > busy
    assert resident_bytes(os.getpid()) > 1_000_000
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_seconds(2**22 + 1)  # no process has so high an id


def test_all_threads_of_a_process_are_moved() -> None:
    cores = sorted(os.sched_getaffinity(0))
    with started_together({"one": IDLE}) as servers:
        pid = servers["one"].pid
        move(pid, {cores[-1]})
        tasks = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
        assert len(tasks) > 1
        assert {tuple(os.sched_getaffinity(task)) for task in tasks} == {(cores[-1],)}
