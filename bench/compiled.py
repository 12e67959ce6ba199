"""The compiled build of the product, where there is one (``make compiled``).

``python -m bench.compiled`` ends with 1 where there is none of these sources, and says why.
"""

import sys
from pathlib import Path

from bench.processes import ROOT

COMPILED = ROOT / "build" / "compiled"
_ENGINE = "authsvc/extauthz/fastlane"
_PACKAGES = ("authsvc", "analytics")  # of which parts are compiled


def compiled_packages(folder: Path = COMPILED) -> tuple[Path | None, str]:
    """Return the folder of the build if it is there and new enough, and else why it is not."""
    built = sorted((folder / _ENGINE).glob("*.so"))
    if not built:
        return None, "there is no compiled build (make compiled)"
    stale = [path.name for path in _sources(folder) if _differs(path, folder)]
    if stale:
        return None, f"the compiled build is of other sources, e.g. {stale[0]} (make compiled)"
    return folder, ""


def _sources(folder: Path) -> list[Path]:
    return [path for package in _PACKAGES for path in sorted((folder / package).rglob("*.py"))]


def _differs(path: Path, folder: Path) -> bool:
    source = ROOT / path.relative_to(folder)
    return not source.exists() or source.read_bytes() != path.read_bytes()


if __name__ == "__main__":
    sys.exit(compiled_packages()[1] or 0)
