"""Private files are private from the start, and whole or not there."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.private_file import replacing_private, write_private


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "key", "canary")
    assert mode(tmp_path / "key") == 0o600
    assert (tmp_path / "key").read_text() == "canary"


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("key", "link"):
        with pytest.raises(FileExistsError):
            write_private(tmp_path / name, "new")
    assert (tmp_path / "key").read_text() == "old"
    assert not (tmp_path / "elsewhere").exists()


def test_a_replacement_is_private_while_it_is_written_and_takes_its_place_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "export.yaml"
    path.write_text("old")
    with replacing_private(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
        assert {mode(each) for each in tmp_path.iterdir() if each != path} == {0o600}
    assert (path.read_text(), mode(path)) == ("new", 0o600)


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "export.yaml"
    path.write_text("old")
    with suppress(RuntimeError), replacing_private(path) as file:
        file.write("half")
        raise RuntimeError
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]
