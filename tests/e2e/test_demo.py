"""`tollkeeper demo`, as a new user meets it."""

import asyncio
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import termios
from pathlib import Path

import pytest

from tests.clients.raw_http import get
from tests.deadline import eventually
from tests.fakes.demo import Demo
from tests.fakes.processes import descendants, is_alive

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="its lines are for curl")


async def paste(line: str) -> str:
    """Run a line in a shell, as pasted, and return what it prints."""
    process = await asyncio.create_subprocess_shell(
        line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    return out.decode()


def status_of(answer: str) -> int:
    return int(answer.split()[1])


def echoed(answer: str) -> dict:
    return json.loads(answer.partition("\r\n\r\n")[2])


async def test_the_lines_work_events_show_data_stay_and_no_process_does(tmp_path: Path) -> None:
    async with Demo(tmp_path) as demo:
        with_key, without, wrong, in_query, spoofed, with_body = [
            await paste(line) for line in demo.commands()[:6]
        ]
        administration = [await paste(line) for line in demo.commands()[6:]]
        shown = (
            r"^\d\d:\d\d:\d\d\.\d{3}  (?:GET|POST)  /hello\S*  (\d+)  (\S+)  (\S+)"
            r"  [\d.]+ ms  (.+) -> (.+)$"
        )
        await eventually(
            lambda: len(re.findall(shown, demo.output, re.MULTILINE)) == 6, "the events"
        )
        events = re.findall(shown, demo.output, re.MULTILINE)
        first, started = demo.commands()[0], demo.processes
        assert await demo.end(signal.SIGTERM) == 0
        assert not any(map(is_alive, started))

    assert [status_of(answer) for answer in (with_key, without, wrong)] == [200, 401, 401]
    assert echoed(without)["message"] == "No API key found in request"
    assert echoed(with_key)["headers"]["x-consumer-username"] == "demo"
    assert echoed(in_query)["path"] == "/hello?b=2&a=1"
    assert echoed(spoofed)["headers"]["x-consumer-username"] == "demo"
    assert status_of(with_body) == 200
    identity = ("demo", "demo-customer/demo-company")
    assert sorted(event[:3] for event in events) == (
        [("200", *identity)] * 4 + [("401", "-", "-")] * 2
    )
    asked, answered = zip(*(event[3:] for event in events), strict=True)
    assert sorted(asked) == ["-"] * 5 + ['{"access_token":"*****","item":"c...']
    assert all(body.startswith('{"me') for body in answered)  # the echo's, and the refusals'
    consumer, key, keys, all_keys, deletion = administration
    assert json.loads(consumer)["username"] == "user123"
    assert json.loads(keys)["data"] == [json.loads(key)]
    assert len(json.loads(all_keys)["data"]) == 2
    assert status_of(deletion) == 204

    async with Demo(tmp_path) as again:
        key_of = re.compile(r"apikey: (\w+)")
        assert key_of.findall(again.commands()[0]) == key_of.findall(first)
        assert status_of(await paste(again.commands()[0])) == 200
        started = again.processes
        assert await again.end(signal.SIGINT) == 0
        assert not any(map(is_alive, started))


async def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    async with Demo(tmp_path) as demo:
        started = demo.processes
        await demo.end(signal.SIGKILL)

    await eventually(lambda: not any(map(is_alive, started)), "every process to end", within=30)


async def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    # As make does: a process of its own that waits. (A shell would become the only command.)
    async with Demo(tmp_path, wrapper=["sh", "-c", '"$@"; true', "sh"]) as demo:
        started = demo.processes
        assert len(started) > 6
        demo.process.kill()

        await eventually(lambda: not any(map(is_alive, started)), "every process to end", within=30)
        await demo.ended()


# Each of the others is in tests/sidecar/demo/test_listeners.py.
@pytest.mark.parametrize("name", ["envoy", "authsvc"])
async def test_a_taken_port_is_one_line_that_names_it_and_the_flag(
    tmp_path: Path, name: str
) -> None:
    demo = Demo(tmp_path)
    with socket.create_server(("127.0.0.1", demo.ports[name])):
        await demo.start()
        assert await demo.ended() == 2

    assert len(demo.output.splitlines()) == 1
    assert f"port {demo.ports[name]} " in demo.output
    assert f"--{name}-port" in demo.output
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test may wait


async def test_on_a_terminal_events_stand_in_a_table_and_a_hang_up_ends_it(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        *demo.command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**demo.environ, "TERM": "xterm", "COLUMNS": "120"},
        preexec_fn=take_terminal,  # only so is there a terminal to hang up
    )
    os.close(theirs)
    shown = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: shown.extend(_read(ours)))
    try:
        await eventually(lambda: b"Events, as" in shown, "the demo to start", within=90)
        await get(demo.ports["envoy"], "/in-a-table")
        in_table = re.compile("│[^│]*/in-a-table[^│]*│[^│]*401[^│]*│".encode())
        await eventually(lambda: in_table.search(shown), "the event in the table")
        started = {process.pid, *descendants(process.pid)}
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)

    async with asyncio.timeout(60):
        assert await process.wait() == 0
    assert not any(map(is_alive, started))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
