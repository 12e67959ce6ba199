from pathlib import Path

import pytest

from analytics.metrics import SpoolFault
from sidecar.settings import Settings
from sidecar.spool_key import NAME, open_shelves, read_or_generate
from tests.fakes.counting_metrics import CountingMetrics


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = read_or_generate(tmp_path / "var")
    assert len(key) == 32
    assert read_or_generate(tmp_path / "var") == key
    assert (tmp_path / "var" / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == [NAME]


def test_two_directories_have_two_keys(tmp_path: Path) -> None:
    assert read_or_generate(tmp_path / "one") != read_or_generate(tmp_path / "two")


@pytest.mark.parametrize("content", [b"", b"c2hvcnQ=", b"not base64!", b"\xff" * 40])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ValueError, match="does not hold 32 bytes") as refused:
        read_or_generate(tmp_path)
    assert "c2hv" not in str(refused.value)


def test_without_a_directory_events_wait_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    metrics = CountingMetrics()
    open_shelves(Settings(data_dir=str(tmp_path / "file" / "var")), metrics)
    assert metrics.spool_faults == {SpoolFault.OPEN: 1}
    assert "memory only" in capsys.readouterr().out
