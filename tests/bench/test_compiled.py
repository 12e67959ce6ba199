"""A compiled build takes part only if it is one of these very sources."""

from pathlib import Path

from bench.compiled import compiled_packages
from bench.processes import ROOT

ENGINE = "authsvc/extauthz/fastlane"


def built(folder: Path, *, name: str, text: str) -> Path:
    """Make a folder look like a build with one source in it."""
    place = folder / ENGINE
    place.mkdir(parents=True)
    (place / "frames.cpython-311-x86_64-linux-gnu.so").touch()
    (place / name).write_text(text)
    return folder


def test_a_build_of_these_sources_is_taken(tmp_path: Path) -> None:
    folder = built(tmp_path, name="frames.py", text=(ROOT / ENGINE / "frames.py").read_text())

    assert compiled_packages(folder) == (folder, "")


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path) -> None:
    packages, reason = compiled_packages(tmp_path)

    assert packages is None
    assert "make compiled" in reason


def test_one_of_other_analytics_is_not_taken(tmp_path: Path) -> None:
    folder = built(tmp_path, name="frames.py", text=(ROOT / ENGINE / "frames.py").read_text())
    (folder / "analytics").mkdir()
    (folder / "analytics" / "wire.py").write_text("pass\n")
    packages, reason = compiled_packages(folder)

    assert packages is None
    assert "wire.py" in reason


def test_one_of_other_sources_is_not_taken(tmp_path: Path) -> None:
    for number, name in enumerate(["frames.py", "gone.py"]):
        folder = built(tmp_path / str(number), name=name, text="pass\n")
        packages, reason = compiled_packages(folder)
        assert packages is None
        assert name in reason
