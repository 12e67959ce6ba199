import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from analytics.instruction_store import Document, InstructionStore

DOCUMENT = Document(b'{"a": 1}\n{"b": 2}', "tag", None)


def test_what_was_saved_is_found_again(tmp_path: Path) -> None:
    InstructionStore(tmp_path / "new" / "folder").save("name", DOCUMENT)
    assert InstructionStore(tmp_path / "new" / "folder").load("name") == DOCUMENT


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path / "folder")
    store.save("name", DOCUMENT)
    (file,) = (tmp_path / "folder").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_stamp_changes_with_every_save(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    stamps = [store.stamp("name")]
    for _ in range(3):
        store.save("name", DOCUMENT)
        stamps.append(store.stamp("name"))
    assert stamps[0] is None
    assert len(set(stamps)) == 4


@pytest.mark.parametrize(
    "content", [b"", b"x", b"[]\n", b"{}\n{}", b'{"version":2,"tag":null,"rules_tag":null}\n{}']
)
def test_what_cannot_be_read_is_as_good_as_not_there(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "name.json").write_bytes(content)
    assert InstructionStore(tmp_path).load("name") is None


def test_a_disk_that_does_not_work_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = InstructionStore(tmp_path / "file" / "folder")
    with capture_logs() as logged:
        store.save("name", DOCUMENT)
        store.save("name", DOCUMENT)
        assert store.load("name") is None
    assert [line["log_level"] for line in logged] == ["warning"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "name.json").mkdir()  # cannot be replaced by a file
    with capture_logs():
        InstructionStore(tmp_path).save("name", DOCUMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["name.json"]
