"""Secrets are read from files without showing where those are."""

from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.secret_file import is_open_to_others, read_secret

BAD = {
    "empty": (b" \n", "empty"),
    "too long": (b"x" * 70_000, "too long"),
    "not a text": (b"\xff\xfe", "text"),
}


def test_white_space_around_the_secret_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("\n  a b \r\n")
    assert read_secret(str(file), name="x").reveal() == "a b"


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_secret_is_refused(tmp_path: Path, case: str) -> None:
    content, why = BAD[case]
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^admin\.token_file: .*{why}"):
        read_secret(str(file), name="admin.token_file")


@pytest.mark.parametrize("path", ["/nowhere/canary", "canary\0", "/"])
def test_the_error_does_not_show_the_path(path: str) -> None:
    with pytest.raises(SettingsError, match=r"^the name: ") as caught:
        read_secret(path, name="the name")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "is_open"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)]
)
def test_a_file_that_others_may_touch_is_noticed(tmp_path: Path, mode: int, is_open: bool) -> None:
    file = tmp_path / "token"
    file.touch()
    file.chmod(mode)
    assert is_open_to_others(str(file)) is is_open


def test_a_file_that_is_not_there_is_not_open() -> None:
    assert not is_open_to_others("/nowhere/at/all")
