"""What the documentation names exists, and what exists is documented."""

import re
from pathlib import Path

import pytest

from sidecar.settings import FIELDS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")]
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
SETTING_ROW = re.compile(
    r"^\| `([a-z_.]+)` \| `([A-Z_]+)`(, or `…__[A-Z]+_FILE`)? \|", re.MULTILINE
)


def test_the_readme_lists_every_setting_with_its_variable() -> None:
    rows = SETTING_ROW.findall((ROOT / "README.md").read_text())
    listed = {name: (variable, bool(file)) for name, variable, file in rows}
    assert listed == {name: (field.variable, field.secret) for name, field in FIELDS.items()}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    missing = [to for to in LINK.findall(path.read_text()) if not (path.parent / to).exists()]
    assert not missing
