"""Thin clients of the Admin API: what is done, what is printed, and what is never printed."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.command_line import Failed, Outcome, Tollkeeper
from tests.fakes.admin_api import serving

Json = Callable[..., Awaitable[Any]]
KEY = "canary-4711"
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
async def admin_url() -> AsyncIterator[str]:
    async with serving(MemoryDatabase()) as api:
        yield f"http://127.0.0.1:{api.port}"


@pytest.fixture(autouse=True)
def _api(admin_url: str, monkeypatch: pytest.MonkeyPatch, tollkeeper: Tollkeeper) -> None:
    monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", admin_url)


@pytest.fixture
def asked(tollkeeper: Tollkeeper) -> Json:
    """Runs a command that must work, and returns its JSON."""

    async def run(*arguments: str, stdin: bytes = b"") -> Any:
        outcome = await tollkeeper(*arguments, "--output", "json", stdin=stdin)
        assert (outcome.code, outcome.err) == (0, "")
        return json.loads(outcome.out) if outcome.out else None

    return run


def cells(outcome: Outcome) -> list[list[str]]:
    assert (outcome.code, outcome.err) == (0, "")
    return [line.split() for line in outcome.out.splitlines()]


async def test_a_key_is_switched_off_and_on_and_rotated(asked: Json) -> None:
    await asked("consumers", "create", "alice")
    old = await asked("keys", "create", "alice", "--name", "ci", "--prefixed")
    assert old["key"].startswith("tk_live_")

    assert await asked("keys", "disable", old["id"]) is None
    assert (await asked("keys", "show", old["id"]))["enabled"] is False
    assert await asked("keys", "enable", old["id"]) is None
    assert "enabled" not in await asked("keys", "show", old["id"])

    new = await asked("keys", "rotate", old["id"], "--overlap", "60", "--prefixed")
    assert new["name"] == "ci"
    assert new["key"].startswith("tk_live_")
    assert 0 < (await asked("keys", "show", old["id"]))["ttl"] <= 60


async def test_a_consumer_is_created_found_changed_and_deleted(asked: Json) -> None:
    created = await asked(
        "consumers", "create", "alice", "--custom-id", "7", "--tag", "a", "--tag", "b"
    )
    assert (created["username"], created["custom_id"], created["tags"]) == (
        "alice",
        "7",
        ["a", "b"],
    )
    assert await asked("consumers", "show", "alice") == created
    assert await asked("consumers", "show", created["id"]) == created
    changed = await asked("consumers", "update", "alice", "--username", "bob", "--tag", "")
    assert (changed["username"], changed["custom_id"], changed["tags"]) == ("bob", "7", None)
    assert await asked("consumers", "list") == [changed]
    assert await asked("consumers", "delete", "bob") is None
    assert await asked("consumers", "list") == []


async def test_names_that_are_no_paths_are_kept_apart_from_paths(asked: Json) -> None:
    for name in ("a/b", "a b?c=d#e", "100%", "ä"):
        await asked("consumers", "create", name)
        assert (await asked("consumers", "show", name))["username"] == name


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_names_that_would_lead_elsewhere_are_refused(
    tollkeeper: Tollkeeper, told: Failed, name: str
) -> None:
    assert told(await tollkeeper("consumers", "show", name), 2)


async def test_a_list_is_read_to_its_end(asked: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.admin_client._PAGE", 2)
    for number in range(5):
        await asked("consumers", "create", f"c{number}")
    rows = await asked("consumers", "list")
    assert sorted(row["username"] for row in rows) == [f"c{number}" for number in range(5)]


async def test_tables_are_for_people(tollkeeper: Tollkeeper) -> None:
    created = cells(await tollkeeper("consumers", "create", "alice"))
    assert ["username", "alice"] in created
    assert ["custom_id", "-"] in created
    head, row = cells(await tollkeeper("consumers", "list"))
    assert head == ["ID", "USERNAME", "CUSTOM_ID", "TAGS", "CREATED_AT"]
    assert row[1:4] == ["alice", "-", "-"]
    assert row[4].endswith("Z")


async def test_a_generated_key_is_shown_when_it_is_created_and_not_again(
    asked: Json, tollkeeper: Tollkeeper
) -> None:
    await asked("consumers", "create", "alice")
    created = dict(cells(await tollkeeper("keys", "create", "alice", "--ttl", "1000")))
    assert len(created["key"]) == 32
    assert int(created["ttl"]) <= 1000
    for command in (["list"], ["list", "alice"], ["show", created["id"]]):
        outcome = await tollkeeper("keys", *command)
        assert created["id"] in outcome.out
        assert created["key"] not in outcome.out


@pytest.mark.parametrize("content", [f"{KEY}\n", KEY, f"{KEY}\r\n"])
async def test_a_key_of_ones_own_comes_from_standard_input(asked: Json, content: str) -> None:
    await asked("consumers", "create", "alice")
    created = await asked("keys", "create", "alice", "--key-file", "-", stdin=content.encode())
    assert created["key"] == KEY
    assert await asked("keys", "list", "alice") == [created]
    assert await asked("keys", "show", created["id"]) == created


async def test_or_from_a_file_of_which_only_the_last_line_end_is_not_the_key(
    asked: Json, tmp_path: Path
) -> None:
    await asked("consumers", "create", "alice")
    file = tmp_path / "key"
    file.write_text(f" {KEY} \n\n")
    created = await asked("keys", "create", "alice", "--key-file", str(file), "--tag", "t")
    assert (created["key"], created["tags"]) == (f" {KEY} \n", ["t"])


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"x" * 70_000])
async def test_what_is_no_key_is_refused(
    tollkeeper: Tollkeeper, told: Failed, content: bytes
) -> None:
    outcome = await tollkeeper("keys", "create", "alice", "--key-file", "-", stdin=content)
    assert told(outcome, 2).startswith("--key-file: ")


async def test_a_key_is_deleted_by_its_id(asked: Json) -> None:
    await asked("consumers", "create", "alice")
    created = await asked("keys", "create", "alice")
    assert await asked("keys", "delete", created["id"]) is None
    assert await asked("keys", "list") == []


@pytest.mark.parametrize("command", ["show", "delete"])
@pytest.mark.parametrize("key", [KEY, "0123456789abcdef0123456789abcdef"])
async def test_a_key_in_the_arguments_is_refused_and_not_repeated(
    tollkeeper: Tollkeeper, told: Failed, command: str, key: str
) -> None:
    assert key not in told(await tollkeeper("keys", command, key), 2)


async def test_groups_are_joined_listed_and_left(asked: Json) -> None:
    await asked("consumers", "create", "alice")
    joined = await asked("acls", "create", "alice", "gold")
    assert joined["group"] == "gold"
    assert await asked("acls", "list") == [joined]
    assert await asked("acls", "list", "alice") == [joined]
    assert await asked("acls", "delete", "alice", "gold") is None
    assert await asked("acls", "list") == []


async def test_plugins_are_configured_listed_and_removed(
    asked: Json, tollkeeper: Tollkeeper
) -> None:
    config = b"key_names: [x-key]\nhide_credentials: true"
    created = await asked("plugins", "create", "key-auth-enc", "--config-file", "-", stdin=config)
    assert created["config"]["key_names"] == ["x-key"]
    assert await asked("plugins", "list") == [created]
    table = await tollkeeper("plugins", "list")
    assert created["id"] in table.out
    assert "x-key" not in table.out
    assert await asked("plugins", "delete", created["id"]) is None
    assert await asked("plugins", "list") == []


NO_CONFIGURATIONS = {
    "a list": b"[1]",
    "no YAML": b"a: [canary",
    "no text": b"\xff",
    "nested too deep": b"[" * 5000,
    "a date": b"{since: 2026-01-31, of: canary}",
    "no date": b"since: 2026-13-45",
    "bytes": b"of: !!binary Y2FuYXJ5",
    "no number of JSON's": b"of: .nan",
}


@pytest.mark.parametrize("content", NO_CONFIGURATIONS.values(), ids=NO_CONFIGURATIONS)
async def test_what_is_no_configuration_is_refused(
    tollkeeper: Tollkeeper, told: Failed, content: bytes
) -> None:
    outcome = await tollkeeper("plugins", "create", "acl", "--config-file", "-", stdin=content)
    assert "canary" not in told(outcome, 2)


NOT_UTF8 = {
    "consumers show": ["consumers", "show", "\udcff"],
    "keys list": ["keys", "list", "\udcff"],
    "audit verify": ["audit", "verify", "--head", "\udcff"],
}


@pytest.mark.parametrize("arguments", NOT_UTF8.values(), ids=NOT_UTF8)
async def test_a_name_that_is_no_text_is_refused(
    tollkeeper: Tollkeeper, told: Failed, arguments: list[str]
) -> None:
    assert "not UTF-8" in told(await tollkeeper(*arguments), 2)


MISSING = {
    "consumers show": ["consumers", "show", "nobody"],
    "consumers update": ["consumers", "update", "nobody", "--username", "x"],
    "consumers delete": ["consumers", "delete", "nobody"],
    "keys create": ["keys", "create", "nobody"],
    "keys list": ["keys", "list", "nobody"],
    "keys show": ["keys", "show", str(uuid4())],
    "keys delete": ["keys", "delete", str(uuid4())],
    "keys rotate": ["keys", "rotate", str(uuid4())],
    "keys disable": ["keys", "disable", str(uuid4())],
    "acls create": ["acls", "create", "nobody", "gold"],
    "acls delete": ["acls", "delete", "nobody", "gold"],
    "plugins create": ["plugins", "create", "acl", "--route", "nowhere"],
    "plugins delete": ["plugins", "delete", str(uuid4())],
}


@pytest.mark.parametrize("case", MISSING)
async def test_what_is_not_there_is_one_line_and_1(
    tollkeeper: Tollkeeper, told: Failed, case: str
) -> None:
    assert told(await tollkeeper(*MISSING[case]), 1)


async def test_an_error_of_the_api_is_one_line_and_1(
    asked: Json, tollkeeper: Tollkeeper, told: Failed
) -> None:
    await asked("consumers", "create", "alice")
    assert "UNIQUE" in told(await tollkeeper("consumers", "create", "alice"), 1)


async def test_an_error_about_a_key_does_not_show_the_key(
    asked: Json, tollkeeper: Tollkeeper, told: Failed
) -> None:
    await asked("consumers", "create", "alice")
    await asked("keys", "create", "alice", "--key-file", "-", stdin=KEY.encode())
    again = await tollkeeper("keys", "create", "alice", "--key-file", "-", stdin=KEY.encode())
    assert KEY not in told(again, 1)


async def test_an_api_that_is_away_is_one_line_and_1(tollkeeper: Tollkeeper, told: Failed) -> None:
    outcome = await tollkeeper("consumers", "list", "--admin-url", "http://127.0.0.1:1")
    assert "cannot be reached" in told(outcome, 1)


async def test_an_api_at_what_is_no_url_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed
) -> None:
    outcome = await tollkeeper("consumers", "list", "--admin-url", "nonsense")
    assert "no URL" in told(outcome, 2)


async def test_options_may_stand_at_the_group_or_at_the_command_which_wins(
    tollkeeper: Tollkeeper, monkeypatch: pytest.MonkeyPatch, admin_url: str
) -> None:
    monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", "http://127.0.0.1:1")
    away = ["--admin-url", "http://127.0.0.1:1"]
    there = ["--admin-url", admin_url, "--output", "json"]
    for arguments in (["list", *there], [*there, "list"], [*away, "list", *there]):
        assert await tollkeeper("consumers", *arguments) == (0, "[]\n", "")
    assert (await tollkeeper("consumers", *there, "list", *away)).code == 1


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return str(file)


async def test_a_token_comes_from_a_file_that_an_option_or_the_setting_names(
    tollkeeper: Tollkeeper, told: Failed, token_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(MemoryDatabase(), token=TOKEN) as api:
        url = ["--admin-url", f"http://127.0.0.1:{api.port}"]
        told(await tollkeeper("consumers", "list", *url), 1)
        given = await tollkeeper("consumers", "list", *url, "--token-file", token_file)
        assert given.code == 0
        monkeypatch.setenv("TOLLKEEPER_ADMIN__TOKEN_FILE", token_file)
        assert (await tollkeeper("consumers", "list", *url)).code == 0


async def test_a_token_of_two_lines_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("canary\nand another line")
    assert "canary" not in told(await tollkeeper("consumers", "list", "--token-file", str(file)), 2)


async def test_a_token_file_that_cannot_be_read_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed
) -> None:
    outcome = await tollkeeper("consumers", "list", "--token-file", "/no/canary")
    assert "canary" not in told(outcome, 2)


@pytest.mark.parametrize("arguments", [["create"], ["update", "alice"]])
async def test_a_consumer_of_nothing_is_wrong_usage(
    tollkeeper: Tollkeeper, told: Failed, arguments: list[str]
) -> None:
    assert told(await tollkeeper("consumers", *arguments), 2)
