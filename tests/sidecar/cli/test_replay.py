"""``analytics replay``, against a real collector and a real Admin API."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from analytics.dead_letters import DeadLetter, DeadLetterFile
from analytics.encoding import encode_event
from analytics.metrics import DropReason
from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.clients.command_line import Failed, Tollkeeper
from tests.fakes.admin_api import serving
from tests.fakes.collector import Collector


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MOESIF_APPLICATION_ID", raising=False)
    return write(tmp_path / "dead.ndjson", 120)


def write(path: Path, count: int, *, plugin: str = "global", start: int = 0) -> Path:
    DeadLetterFile(path).append(
        [
            DeadLetter(encode_event({"n": n, "big": 2**60 + n}), plugin, DropReason.REJECTED, 400)
            for n in range(start, start + count)
        ]
    )
    return path


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def numbers(collector: Collector) -> list[int]:
    return [event["n"] for event in collector.events]


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AdminClient]:
    async with serving(MemoryDatabase()) as client:
        monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", f"http://127.0.0.1:{client.port}")
        yield client


async def create_plugin(api: AdminClient, collector: Collector, **more: Any) -> dict[str, Any]:
    config = {"application_id": "APP1", "api_endpoint": collector.url}
    answer = await api.post("/plugins", {"name": "moesif", "config": config} | more)
    assert answer.status == 201, answer
    created: dict[str, Any] = answer.json
    return created


async def test_letters_go_to_where_their_plugin_sends(
    tollkeeper: Tollkeeper, letters: Path, api: AdminClient
) -> None:
    async with Collector() as collector:
        await create_plugin(api, collector)
        before = lines_of(letters)
        ended = await tollkeeper("analytics", "replay", str(letters))
        assert (ended.code, ended.out) == (0, "sent 120 of 120 events\n")
        assert numbers(collector) == list(range(120))
        assert collector.events[0]["big"] == 2**60
        assert {post.headers["x-moesif-application-id"] for post in collector.posts} == {"APP1"}
        assert lines_of(letters) == before


async def test_events_go_as_they_are_digit_by_digit(
    tollkeeper: Tollkeeper, tmp_path: Path, api: AdminClient
) -> None:
    event = b'{"n":12345678901234567890123,"f":1.10,"text":"\\u00e4 \xc3\xa4"}'
    path = tmp_path / "dead.ndjson"
    DeadLetterFile(path).append([DeadLetter(event, "global", DropReason.REJECTED, 400)])
    async with Collector() as collector:
        await create_plugin(api, collector)
        ended = await tollkeeper("analytics", "replay", str(path))
        assert (ended.code, ended.out) == (0, "sent 1 of 1 events\n")
        assert gzip.decompress(collector.posts[0].body) == b"[" + event + b"]"


async def test_an_id_in_a_file_needs_no_admin_api(
    tollkeeper: Tollkeeper, letters: Path, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text("APP2\n")
    given = ("--application-id-file", str(tmp_path / "id"))
    async with Collector() as collector:
        ended = await tollkeeper(
            "analytics", "replay", str(letters), *given, "--endpoint", collector.url
        )
        assert ended.code == 0
        assert {post.headers["x-moesif-application-id"] for post in collector.posts} == {"APP2"}


async def test_an_id_can_come_from_the_environment(
    tollkeeper: Tollkeeper, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOESIF_APPLICATION_ID", "APP3")
    async with Collector() as collector:
        ended = await tollkeeper("analytics", "replay", str(letters), "--endpoint", collector.url)
        assert ended.code == 0
        assert {post.headers["x-moesif-application-id"] for post in collector.posts} == {"APP3"}


async def test_what_is_refused_again_is_in_a_file_and_the_others_are_sent(
    tollkeeper: Tollkeeper, letters: Path, api: AdminClient
) -> None:
    async with Collector(
        lambda events: 400 if any(event["n"] in {3, 77} for event in events) else 201
    ) as collector:
        await create_plugin(api, collector)
        ended = await tollkeeper("analytics", "replay", str(letters))
        assert (ended.code, ended.out) == (1, "sent 118 of 120 events\n")
        refused = letters.with_name("dead.ndjson.refused")
        assert ended.err == f"refused again: 2, in {refused}\n"
        lines = lines_of(letters)
        assert lines_of(refused) == [lines[3], lines[77]]
        assert refused.stat().st_mode & 0o777 == 0o600


async def test_a_plugin_that_is_gone_is_said(
    tollkeeper: Tollkeeper, told: Failed, letters: Path, api: AdminClient
) -> None:
    line = told(await tollkeeper("analytics", "replay", str(letters)), 2)
    assert "no moesif plugin any more for: global" in line


@pytest.mark.parametrize("status", [401, 503])
async def test_a_collector_that_takes_nothing_is_said(
    tollkeeper: Tollkeeper, letters: Path, api: AdminClient, status: int
) -> None:
    async with Collector(201, status) as collector:
        await create_plugin(api, collector)
        ended = await tollkeeper("analytics", "replay", str(letters))
        assert (ended.code, ended.out) == (1, "sent 50 of 120 events\n")
        assert f"takes no events now: it answers {status}" in ended.err
        assert "APP1" not in ended.err


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"event": 1}', "\udcff"])
async def test_a_file_that_is_none_is_refused_and_not_shown(
    tollkeeper: Tollkeeper, told: Failed, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "file"
    path.write_text(content, errors="surrogateescape")
    assert told(await tollkeeper("analytics", "replay", str(path)), 1).endswith(
        "line 1 is no dead letter"
    )


async def test_a_file_that_is_not_there_is_one_line_and_2(
    tollkeeper: Tollkeeper, tmp_path: Path, told: Failed
) -> None:
    line = told(await tollkeeper("analytics", "replay", str(tmp_path / "nothing")), 2)
    assert "nothing' does not exist" in line


@pytest.mark.parametrize("url", ["http://[::1", "collector", "http://u:canary@h", "https://h:x"])
async def test_an_endpoint_that_is_none_is_one_line_and_2(
    tollkeeper: Tollkeeper, letters: Path, told: Failed, url: str
) -> None:
    line = told(await tollkeeper("analytics", "replay", str(letters), "--endpoint", url), 2)
    assert "--endpoint" in line
    assert "canary" not in line
