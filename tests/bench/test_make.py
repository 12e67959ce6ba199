"""``make bench`` hands its flags on, to each bench those that it knows."""

import os
import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def started(arguments: str) -> dict[str, list[str]]:
    """Return what ``make bench`` would start, by module, with the flags of each."""
    told = {name: text for name, text in os.environ.items() if name != "MAKEFLAGS"}
    made = subprocess.run(
        # Some lines run in spite of -n: let there be nothing to run.
        ["make", "-n", "bench", f"ARGS={arguments}", "VENV=/nowhere"],
        cwd=_ROOT,
        env=told,
        check=True,
        capture_output=True,
        text=True,
    )
    (line,) = (line for line in made.stdout.splitlines() if line.startswith("status=0;"))
    listed = line.partition(" in ")[2].partition("; do")[0]
    words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', listed)]
    return {module: flags for module, *flags in map(str.split, words)}


def source(module: str) -> str:
    path = _ROOT / module.replace(".", "/")
    return (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


@pytest.mark.parametrize("arguments", ["--short", "--rounds 2", "--seconds 1 --short"])
def test_each_bench_gets_flags_that_it_knows(arguments: str) -> None:
    given = started(arguments)

    assert set(given) >= {"bench", "bench.analytics", "bench.keys", "bench.instructions"}
    for module, flags in given.items():
        for flag in (each for each in flags if each.startswith("--")):
            assert f'"{flag}"' in source(module), module
        if "--short" in arguments and '"--short"' in source(module):
            assert "--short" in flags, module
