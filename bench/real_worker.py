"""What a worker of the real product holds: the contenders also hold the store that they ask."""

import re
import subprocess
import sys

from bench.processes import ROOT

KEYS = 10_000
_WITHIN = 300.0  # seconds; a quiet machine takes half a minute
_KNOWN = re.compile(r"keys known\s+RSS\s+(?P<mebibytes>[\d.]+) MiB")


def resident_mb() -> float | None:
    """Return the resident memory of a worker that knows 10,000 keys in MiB; None if it failed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.worker_memory", "--keys", str(KEYS)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=True,
        )
    except subprocess.SubprocessError:
        return None
    return read_resident_mb(done.stdout)


def read_resident_mb(printed: str) -> float | None:
    """Return the figure from what ``worker_memory`` printed, if it is there."""
    found = _KNOWN.search(printed)
    return float(found["mebibytes"]) if found else None
