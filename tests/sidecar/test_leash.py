"""The leash, with real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar import leash
from sidecar.leash import LeashError, User, leash_command
from tests.deadline import eventually

# Starts a program on a leash, prints its process id, and lives until it is killed.
PARENT = """
import signal, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from sidecar.leash import leash_command
command = leash_command(["sleep", "1000"], death_signal=signal.Signals(int(sys.argv[2])))
print(subprocess.Popen(command).pid, flush=True)
time.sleep(1000)
"""
ROOT = str(Path(__file__).resolve().parents[2])
NOBODY = User(65534, 65534)
MAPPED = User(65534, 65534, namespace=True)


def run(*argv: str, user: User | None = None) -> subprocess.CompletedProcess[str]:
    command = leash_command(argv, death_signal=signal.SIGTERM, user=user)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def is_running(pid: int, program: str = "sleep") -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text() == f"{program}\n"
    except OSError:
        return False


def may_make_namespaces() -> bool:
    return run("true", user=MAPPED).returncode == 0


def test_a_program_gets_its_arguments_and_gives_its_status() -> None:
    done = run("sh", "-c", 'echo "$1|$2"; exit 3', "sh", "a b", "--")
    assert (done.stdout, done.returncode) == ("a b|--\n", 3)


@pytest.mark.parametrize("death_signal", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_program_ends_with_its_killed_parent(death_signal: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, ROOT, str(int(death_signal))),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await eventually(lambda: is_running(pid), "the program to run")
    parent.kill()
    await parent.wait()
    await eventually(lambda: not is_running(pid), "the program to end")


@pytest.mark.parametrize("death_signal", [signal.SIGTERM, signal.SIGINT])
async def test_a_program_ends_so_also_where_the_signal_was_ignored(
    death_signal: signal.Signals,
) -> None:
    # As for what a shell starts in the background.
    ignoring = f"import signal\nsignal.signal({int(death_signal)}, signal.SIG_IGN)\n"
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ignoring + PARENT, ROOT, str(int(death_signal))),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    try:
        await eventually(lambda: is_running(pid), "the program to run")
        parent.kill()
        await eventually(lambda: not is_running(pid), "the program to end")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await parent.wait()


async def test_the_process_id_is_the_programs() -> None:
    command = leash_command(["sleep", "1000"], death_signal=signal.SIGTERM)
    process = await asyncio.create_subprocess_exec(*command)
    await eventually(lambda: is_running(process.pid), "the program to run")
    process.terminate()
    assert await process.wait() == -signal.SIGTERM


def test_a_program_is_out_of_reach_of_the_terminals_ctrl_c() -> None:
    done = run("sh", "-c", "ps -o sess= -o pgid= -p $$; echo $$")
    session, group, pid = done.stdout.split()
    assert session == group == pid


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    command = leash_command(["echo", "started"], death_signal=signal.SIGTERM)
    # The shell in between is the parent now, and not the process that made the command.
    done = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 126
    assert (done.stdout, done.stderr) == ("", "leash: the parent is gone\n")


def test_a_program_that_is_not_there_is_one_line() -> None:
    done = run("/nowhere/program")
    assert done.returncode == 126
    assert done.stderr == "leash: cannot run /nowhere/program: No such file or directory\n"


def test_a_broken_pipe_ends_a_program_as_it_would_anywhere() -> None:
    done = run("sh", "-c", "kill -PIPE $$; echo still here")
    assert (done.stdout, done.returncode) == ("", -signal.SIGPIPE)


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leash.sys, "platform", "darwin")
    with pytest.raises(LeashError, match="only Linux"):
        leash.run(os.getpid(), signal.SIGTERM, None, ["true"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_root_becomes_another_user_for_good() -> None:
    command = ["sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"]
    done = subprocess.run(
        leash_command(command, death_signal=signal.SIGTERM, user=NOBODY),
        capture_output=True,
        text=True,
        check=False,
        extra_groups=[1, 2],
    )
    assert done.stdout.split() == ["65534", "65534", "65534", "CapEff:", "0" * 16]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
async def test_a_program_of_another_user_ends_with_its_parent() -> None:
    script = PARENT.replace(
        "leash_command([",
        "leash_command(user=__import__('sidecar.leash').leash.User(65534, 65534), argv=[",
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, ROOT, "2"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await eventually(lambda: is_running(pid), "the program to run")
    parent.kill()
    await parent.wait()
    await eventually(lambda: not is_running(pid), "the program to end")


@pytest.mark.skipif(not may_make_namespaces(), reason="user namespaces are forbidden here")
def test_in_a_namespace_a_program_only_looks_like_another_users(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("ok")
    mine.chmod(0o600)
    made = tmp_path / "made"
    script = 'id -u; id -g; cat "$1"; touch "$2"; grep CapEff /proc/self/status'
    done = run("sh", "-c", script, "sh", str(mine), str(made), user=MAPPED)
    assert done.stdout.split() == ["65534", "65534", "okCapEff:", "0" * 16]
    assert made.stat().st_uid == os.geteuid()
