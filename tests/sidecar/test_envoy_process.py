import asyncio
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from sidecar import envoy_process
from sidecar.address import TcpAddress
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_process import EnvoyError, find_envoy, running_envoy
from tests.deadline import eventually

PLAN = EnvoyPlan(
    listen=TcpAddress("127.0.0.1", 0),
    authsvc=TcpAddress("127.0.0.1", 1),
    analytics=None,
    upstreams=(),
    routes=(),
)
# An address of the documentation: no machine has it.
ELSEWHERE = EnvoyPlan(
    listen=TcpAddress("192.0.2.199", 80),
    authsvc=TcpAddress("127.0.0.1", 1),
    analytics=None,
    upstreams=(),
    routes=(),
)
PARENT = """
import asyncio, sys
from pathlib import Path
from sidecar.envoy_process import running_envoy
from tests.sidecar.test_envoy_process import PLAN

async def main():
    async with running_envoy(PLAN, log_file=Path(sys.argv[1])) as envoy:
        print(envoy.pid, flush=True)
        await envoy.wait()

asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_envoy_is_ready_inside_and_gone_outside(tmp_path: Path) -> None:
    async with running_envoy(PLAN, log_file=tmp_path / "envoy.log") as envoy:
        assert is_alive(envoy.pid)
        assert (await envoy.ask("/ready"))[0] == 200
        assert await envoy.port() > 0
    assert not is_alive(envoy.pid)


async def test_its_end_is_noticed(tmp_path: Path) -> None:
    async with running_envoy(PLAN, log_file=tmp_path / "envoy.log") as envoy:
        os.kill(envoy.pid, signal.SIGKILL)
        assert await envoy.wait() == -signal.SIGKILL


async def test_an_envoy_that_does_not_start_says_why_in_one_line(tmp_path: Path) -> None:
    log_file = tmp_path / "envoy.log"
    log_file.write_text("of an earlier run\n")

    with pytest.raises(EnvoyError) as failure:
        async with running_envoy(ELSEWHERE, log_file=log_file):
            pass

    assert str(failure.value).startswith("Envoy did not start: ")
    assert "192.0.2.199:80" in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_envoy_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        tmp_path / "envoy.log",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_alive(pid)

    parent.kill()
    await parent.stdout.read()
    await parent.wait()

    await eventually(lambda: not is_alive(pid), "Envoy to end with its parent")


def test_without_the_wheel_envoy_is_taken_from_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(envoy_process, "distribution", absent)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyError, match="no Envoy found"):
        find_envoy()
    (tmp_path / "envoy").write_text("#!/bin/sh\n")
    (tmp_path / "envoy").chmod(0o755)
    assert find_envoy() == tmp_path / "envoy"
