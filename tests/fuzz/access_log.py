"""``python -m tests.fuzz.access_log --seconds 60``: log entries that atheris makes up, read twice.

What is claimed of every input: what is read off its bytes is what protobuf reads, also that it is
malformed.  An input is an entry, or says how to change one that Envoy would write; its first byte
says which.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["analytics"]):
    from tests.fakes.entry_oracle import Oracle

from tests.fakes.log_messages import NUMBERS, TAGS, TEXTS, rich_entry, tag_bytes
from tests.fakes.wire_messages import STRANGE, change

# It remembers what it saw in all inputs: that must not change what it sees in another.
ORACLE = Oracle()
HOW = [
    "again",
    "away",
    "elsewhere",
    *(("strange", each) for each in STRANGE),
    *(("strange", tag_bytes(tag) + value) for tag in TAGS[::3] for value in NUMBERS[::3]),
    *(("text", each) for each in TEXTS),
    *(("tag", each) for each in TAGS),
    *(("idle", each) for each in (1, 2, 8)),
]


def changed(data: bytes) -> bytes:
    """Return Envoy's entry with changes, of five bytes each."""
    entry = rich_entry()
    for at in range(1, min(len(data) - 4, 41), 5):
        which, place, other = data[at : at + 3]
        how = int.from_bytes(data[at + 3 : at + 5])
        change(entry, which, place, other, HOW[how % len(HOW)])
    return entry.write()


def one(data: bytes) -> None:
    """Read an input."""
    if data:
        entry = changed(data) if data[0] & 1 else data[1:]
        ORACLE.read(entry)


def seeds() -> list[bytes]:
    """Return inputs to begin with."""
    changes = [bytes((1, which, 1, 2, 0, how)) for which in (0, 2, 9, 20) for how in (0, 9, 200)]
    return [b"\0" + rich_entry().write(), *changes]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.access_log", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", help="a folder to keep the inputs in that led anywhere new")
    options = parser.parse_args()
    if options.corpus is None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
            again = (sys.executable, "-m", "tests.fuzz.access_log", "--corpus", corpus)
            sys.exit(subprocess.call([*again, "--seconds", str(options.seconds)]))
    for number, seed in enumerate(seeds()):
        (Path(options.corpus) / f"seed-{number}").write_bytes(seed)
    # Inputs of any length from the first one on: short ones change nothing.
    limits = ("-max_len=2048", "-len_control=0", "-timeout=20")
    arguments = (f"-max_total_time={options.seconds}", *limits)
    artifacts = f"-artifact_prefix={tempfile.gettempdir()}/fuzz-access-log-"
    atheris.Setup([sys.argv[0], *arguments, artifacts, options.corpus], one)
    atheris.Fuzz()  # ends the process: nothing after it is done


if __name__ == "__main__":
    main()
