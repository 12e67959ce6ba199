"""``python -m bench.instructions``: how many instructions a check takes, by callgrind.

Instructions are the one figure that does not depend on what else a machine does, so they are held
to what they were: ``instructions.json``. More than a tenth above that ends the run with 1;
``--write`` writes down what was measured. Counted is the whole server process, user space: event
loop, HTTP/2, decision, counting. Each build is loaded twice, and the difference divided by that of
the requests, so that what is done once for a connection does not count.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.compiled import COMPILED, compiled_packages
from bench.processes import ROOT
from bench.traffic import GRPC_HEADERS, METHOD, requests
from sidecar.telemetry import DIRECTORY_VARIABLE

EXPECTED = Path(__file__).parent / "instructions.json"
PLAIN, COMPILED_BUILD = "plain", "compiled"
LIMITS = {PLAIN: 200_000, COMPILED_BUILD: 60_000}  # what the fast lane is to stay below
_TOLERANCE = 0.1  # other versions of libraries, and how the kernel cuts what is read
_TOOLS = ("valgrind", "callgrind_control", "h2load")
_FEW, _MANY = 500, 2500  # requests
_SERVER = ("-m", "bench.contenders.tollkeeper", "fastlane")
_TOTALS = re.compile(rb"^(?:totals|summary): (\d+)", re.MULTILINE)
_PATIENCE = 600  # seconds; under callgrind everything takes fifty times as long


class Expected(msgspec.Struct):
    """What was measured when it was last written down."""

    python: str  # the minor version: others have other instructions
    instructions: dict[str, int]  # for each check, by build


@dataclass(frozen=True, slots=True)
class Profiled:
    """A server under callgrind that counts nothing yet."""

    pid: int
    port: int
    folder: Path


@contextmanager
def profiled(packages: Path | None) -> Iterator[Profiled]:
    """Run the fast lane of a build, or of the checkout, under callgrind until the block ends."""
    with tempfile.TemporaryDirectory(prefix="bench-callgrind-") as name:
        folder = Path(name)
        valgrind = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no")
        outputs = (f"--callgrind-out-file={folder}/out", f"--log-file={folder}/log")
        with subprocess.Popen(
            [*valgrind, *outputs, sys.executable, *_SERVER],
            cwd=packages or ROOT,
            env=os.environ | {DIRECTORY_VARIABLE: name, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    raise RuntimeError("the server did not start under callgrind")
                yield Profiled(process.pid, int(line), folder)
            finally:
                process.communicate(timeout=_PATIENCE)


def load(server: Profiled, count: int) -> None:
    """Ask so many times, one key, as an Envoy with four workers would.

    Raises:
        RuntimeError: Not all were answered.
    """
    message = requests()[0]
    body = server.folder / "body"
    body.write_bytes(b"\0" + len(message).to_bytes(4) + message)
    headers = [f"--header={name}: {value}" for name, value in GRPC_HEADERS.items()]
    address = f"http://127.0.0.1:{server.port}{METHOD}"
    done = subprocess.run(
        ["h2load", f"-n{count}", "-c4", "-m32", f"-d{body}", *headers, address],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=True,
    )
    if f" {count} succeeded, 0 failed" not in done.stdout:
        raise RuntimeError("not every check was answered under callgrind")


def counted(server: Profiled, count: int) -> int:
    """Return the instructions of so many requests, with what comes once for each connection."""
    before = len(dumps(server))
    load(server, count)
    control(server, "--dump")
    return int(_TOTALS.findall(dumps(server)[before].read_bytes())[-1])


def control(server: Profiled, *arguments: str) -> None:
    """Tell callgrind what to do."""
    command = ["callgrind_control", *arguments, str(server.pid)]
    subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)


def dumps(server: Profiled) -> list[Path]:
    """Return what callgrind has written, the oldest first."""
    written = server.folder.glob("out.*")
    return sorted(written, key=lambda path: int(path.suffix.removeprefix(".")))


def measure(packages: Path | None) -> int:
    """Return the instructions of one check."""
    with profiled(packages) as server:
        load(server, _FEW)  # until everything is remembered, and imported
        control(server, "--instr=on")
        counted(server, _FEW)  # the first time, code is translated
        few, many = counted(server, _FEW), counted(server, _MANY)
    return round((many - few) / (_MANY - _FEW))


def judge(measured: Mapping[str, int], expected: Expected) -> list[str]:
    """Return what is wrong, a sentence for each build that takes more than it did."""
    if expected.python != _python():
        return []
    return [
        f"{build}: {seen:,} instructions a check, more than a tenth above the {before:,} of "
        f"{EXPECTED.name}"
        for build, seen in measured.items()
        if (before := expected.instructions.get(build)) is not None
        and seen > before * (1 + _TOLERANCE)
    ]


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def builds() -> dict[str, Path | None]:
    """Return the folders of what can be measured; None: the checkout."""
    packages, reason = compiled_packages(COMPILED)
    if packages is None:
        sys.stdout.write(f"left out: instructions per check, compiled: {reason}\n")
        return {PLAIN: None}
    return {PLAIN: None, COMPILED_BUILD: packages}


def reason_to_leave_out(*, is_short: bool) -> str:
    """Return why nothing is measured; empty: it is."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not found (Debian: apt-get install valgrind nghttp2-client)"
    return "it takes minutes" if is_short else ""


def main() -> int:
    """Run; return the status to end with: 1 if a check takes more than it did."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write to {EXPECTED.name}")
    parser.add_argument("--short", action="store_true", help="leave it out: it takes minutes")
    options, _ = parser.parse_known_args()  # the flags of the rest of `make bench`
    reason = reason_to_leave_out(is_short=options.short)
    if reason:
        sys.stdout.write(f"left out: instructions per check: {reason}\n")
        return 0
    measured = {}
    for build, folder in builds().items():
        measured[build] = measure(folder)
        told = f"{measured[build]:,} instructions a check (goal: {LIMITS[build]:,} at most)"
        sys.stdout.write(f"{build}: {told}\n")
        sys.stdout.flush()
    if options.write:
        written = msgspec.json.encode(Expected(_python(), measured))
        EXPECTED.write_bytes(msgspec.json.format(written) + b"\n")
        return 0
    wrong = judge(measured, msgspec.json.decode(EXPECTED.read_bytes(), type=Expected))
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
