"""``analytics tail``, with a real socket: what is printed, and how it ends."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics.tail import Tail
from analytics.tail_socket import serve_tail
from sidecar.live_tail import tail_path
from sidecar.settings import Settings
from tests.clients.command_line import Failed, Tollkeeper
from tests.deadline import eventually

EVENT: dict[str, Any] = {
    "request": {
        "time": "2026-11-21T10:00:00.123Z",
        "verb": "GET",
        "uri": "https://api.example.com/items?token=*****",
    },
    "response": {"status": 200},
    "metadata": {
        "route": "the items",
        "duration_ms": 12.3,
        "consumer": {"id": "c-1", "username": "ada"},
    },
}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOLLKEEPER_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
async def tail(data_dir: Path) -> AsyncIterator[Tail]:
    shown = Tail()
    async with serve_tail(tail_path(Settings(data_dir=str(data_dir))), shown):
        yield shown


async def show(tail: Tail, *events: dict[str, Any]) -> None:
    """Show events as soon as somebody watches."""
    await eventually(lambda: tail._viewers, "a viewer")
    for event in events:
        tail.show(orjson.dumps(event))


async def test_events_are_lines_of_words(tollkeeper: Tollkeeper, tail: Tail) -> None:
    nobody = {"request": EVENT["request"] | {"uri": "https://a/\x1b[2J"}}
    outcome, _ = await asyncio.gather(
        tollkeeper("analytics", "tail", "--count", "2"), show(tail, EVENT, nobody)
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        r"2026-11-21T10:00:00.123Z 200 GET /items?token=***** 12.3 ada the\x20items",
        r"2026-11-21T10:00:00.123Z - GET /\x1b[2J - - -",
    ]


async def test_with_json_they_are_what_is_delivered(tollkeeper: Tollkeeper, tail: Tail) -> None:
    outcome, _ = await asyncio.gather(
        tollkeeper("analytics", "tail", "--json", "--count", "1"), show(tail, EVENT)
    )
    assert (outcome.code, json.loads(outcome.out)) == (0, EVENT)


async def test_filters_are_the_viewers(tollkeeper: Tollkeeper, tail: Tail) -> None:
    wanted = ("--consumer", "ada", "--status", "2xx", "--route", "the items")
    others = [
        EVENT | {"response": {"status": 404}},
        EVENT | {"metadata": {"route": "the items"}},
        EVENT | {"metadata": EVENT["metadata"] | {"route": "other"}},
    ]
    outcome, _ = await asyncio.gather(
        tollkeeper("analytics", "tail", "--json", "--count", "1", *wanted),
        show(tail, *others, EVENT),
    )
    assert json.loads(outcome.out) == EVENT


async def test_ctrl_c_ends_it_and_is_no_failure(tail: Tail, data_dir: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from sidecar.cli.program import main; main()"),
        *("analytics", "tail"),
        env={"TOLLKEEPER_DATA_DIR": str(data_dir), "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await show(tail, EVENT)
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")


async def test_what_is_no_status_is_wrong_usage(tollkeeper: Tollkeeper, told: Failed) -> None:
    line = told(await tollkeeper("analytics", "tail", "--status", "bad"), 2)
    assert "--status" in line
    assert "404 or 4xx" in line


@pytest.mark.usefixtures("data_dir")
async def test_without_analytics_there_is_one_line(tollkeeper: Tollkeeper, told: Failed) -> None:
    assert "is it running, with this data_dir?" in told(await tollkeeper("analytics", "tail"), 1)


async def test_the_end_of_analytics_is_told(
    tollkeeper: Tollkeeper, told: Failed, data_dir: Path
) -> None:
    shown = Tail()

    async def end_soon() -> None:
        async with serve_tail(tail_path(Settings(data_dir=str(data_dir))), shown):
            ready.set()
            await eventually(lambda: shown._viewers, "a viewer")

    ready = asyncio.Event()
    ending = asyncio.create_task(end_soon())
    await ready.wait()
    outcome = await tollkeeper("analytics", "tail")
    await ending
    assert told(outcome, 1) == "analytics has ended"


async def test_a_name_that_is_no_text_is_wrong_usage(tollkeeper: Tollkeeper, told: Failed) -> None:
    outcome = await tollkeeper("analytics", "tail", "--consumer", "\udcff")
    assert "not UTF-8" in told(outcome, 2)
