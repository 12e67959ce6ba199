"""Ports given out for tests are nobody else's."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]
COUNT = 150  # more than a block has
# Keeps its ports until its input ends.
PROGRAM = f"""
import sys
from tests.fakes.free_port import free_port
print(*(free_port() for _ in range({COUNT})), flush=True)
sys.stdin.read()
"""


def test_no_port_is_given_out_twice_by_processes_at_the_same_time() -> None:
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    given = [free_port() for _ in range(COUNT)]
    for process in asking:
        assert process.stdout is not None
        given += map(int, process.stdout.readline().split())
    for process in asking:
        process.communicate()

    assert len(given) == 4 * COUNT
    assert [port for port, times in Counter(given).items() if times > 1] == []


def test_the_system_gives_no_such_port_to_connections() -> None:
    lowest, highest = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if lowest < 20_000:
        pytest.skip("this machine leaves too few ports apart")

    assert not lowest <= free_port() <= highest
