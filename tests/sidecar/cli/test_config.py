"""Settings can be checked and shown before anything runs with them."""

from pathlib import Path

import pytest
import yaml

from tests.clients.command_line import Failed, Tollkeeper


async def test_settings_that_are_fine_are_fine(tollkeeper: Tollkeeper) -> None:
    assert await tollkeeper("config", "check") == (0, "the settings are valid\n", "")


async def test_a_wrong_setting_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLKEEPER_AUTHSVC__WORKERS", "canary")
    for command in ("check", "show"):
        line = told(await tollkeeper("config", command), 2)
        assert line.startswith("authsvc.workers (TOLLKEEPER_AUTHSVC__WORKERS): ")
        assert "canary" not in line


FILE = """_format_version: "3.0"
consumers:
- username: a
  keyauth_credentials: [{key: canary, tags: []}]
"""


async def test_the_declarative_file_is_checked_too_in_a_line_and_without_its_keys(
    tollkeeper: Tollkeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kong.yaml"
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", "off")
    monkeypatch.setenv("TOLLKEEPER_DECLARATIVE_CONFIG", str(file))
    file.write_text(FILE)
    assert await tollkeeper("config", "check") == (0, "the settings are valid\n", "")
    file.write_text(FILE.replace("[]", "5") + "- username: b\n  tags: x\n")
    outcome = await tollkeeper("config", "check")
    assert outcome.code == 2
    assert outcome.err == (
        "tollkeeper: declarative_config: consumers[1].keyauth_credentials[1]: tags: expected a set;"
        " consumers[2] (b): tags: expected a set\n"
    )
    file.unlink()
    outcome = await tollkeeper("config", "check")
    assert (outcome.code, "cannot be read" in outcome.err) == (2, True)


async def test_what_is_shown_is_what_would_give_it_again(
    tollkeeper: Tollkeeper, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("log: {level: debug}\nadmin: {listen: null}")
    shown = await tollkeeper("config", "show", "--config", str(file))
    assert yaml.safe_load(shown.out)["admin"]["listen"] is None
    file.write_text(shown.out)
    assert await tollkeeper("config", "show", "--config", str(file)) == shown


async def test_warnings_are_told_beside_the_result(
    tollkeeper: Tollkeeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    token.chmod(0o644)
    monkeypatch.setenv("TOLLKEEPER_ADMIN__TOKEN_FILE", str(token))
    outcome = await tollkeeper("config", "show")
    assert outcome.code == 0
    assert outcome.err.startswith("warning: admin.token_file: ")
    assert "0123456789abcdef" not in outcome.out + outcome.err
    assert yaml.safe_load(outcome.out)
