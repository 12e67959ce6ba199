"""``python -m tests.fuzz.request_wire --seconds 60``: requests that atheris makes up, read twice.

What is claimed of every input: what is read off its bytes is what protobuf reads. An input is a
message, or says how to change one that Envoy would write; its first byte says which.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["authsvc.extauthz"]):
    from tests.fakes.wire_oracle import a_wire, read

from tests.fakes.wire_messages import STRANGE, TAGS, TEXTS, change, envoys_message

# It remembers what it saw in all inputs: that must not change what it sees in another.
WIRE = a_wire()
HOW = [
    "again",
    "away",
    "elsewhere",
    *(("strange", each) for each in STRANGE),
    *(("text", each) for each in TEXTS),
    *(("tag", each) for each in TAGS),
    *(("idle", each) for each in (1, 2, 8)),
]


def changed(data: bytes) -> bytes:
    """Return Envoy's message with changes, of four bytes each."""
    message = envoys_message(raw=bool(data[0] & 2))
    for at in range(1, min(len(data) - 3, 33), 4):
        which, place, other, how = data[at : at + 4]
        change(message, which, place, other, HOW[how % len(HOW)])
    return message.write()


def one(data: bytes) -> None:
    """Read an input."""
    if data:
        payload = changed(data) if data[0] & 1 else data[1:]
        read(WIRE, payload)
        read(a_wire(), payload)


def seeds() -> list[bytes]:
    """Return inputs to begin with."""
    messages = [envoys_message(raw=raw).write() for raw in (True, False)]
    changes = [
        bytes((kind, which, 1, 2, how)) for kind in (1, 3) for which in (5, 9) for how in (0, 9)
    ]
    return [*(b"\0" + each for each in messages), *changes]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.request_wire", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", help="a folder to keep the inputs in that led anywhere new")
    options = parser.parse_args()
    if options.corpus is None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
            again = (sys.executable, "-m", "tests.fuzz.request_wire", "--corpus", corpus)
            sys.exit(subprocess.call([*again, "--seconds", str(options.seconds)]))
    for number, seed in enumerate(seeds()):
        (Path(options.corpus) / f"seed-{number}").write_bytes(seed)
    arguments = (f"-max_total_time={options.seconds}", "-max_len=1024", "-timeout=20")
    artifacts = f"-artifact_prefix={tempfile.gettempdir()}/fuzz-request-wire-"
    atheris.Setup([sys.argv[0], *arguments, artifacts, options.corpus], one)
    atheris.Fuzz()  # ends the process: nothing after it is done


if __name__ == "__main__":
    main()
