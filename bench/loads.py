"""The two programs that put a load on: h2load, and our own client."""

import sys
from dataclasses import dataclass
from pathlib import Path

from bench import h2load


@dataclass(frozen=True, slots=True)
class H2Load:
    """Asks one and the same thing, for less CPU than any server needs.

    ``answer_size`` is that of the right answer's body in bytes; None looks at the status alone.
    """

    request: h2load.Request
    port: int
    connections: int
    streams: int = 1
    answer_size: int | None = None

    def command(self, folder: Path, seconds: float) -> tuple[list[str], Path]:
        """Return the command line and its log."""
        return h2load.command(
            self.request,
            port=self.port,
            connections=self.connections,
            streams=self.streams,
            seconds=seconds,
            folder=folder,
        )

    def wrong(self, printed: str) -> int:
        """Return how many answers failed, or were not of the right size."""
        outcome = h2load.read_outcome(printed)
        if self.answer_size is None:
            return outcome.failed
        return outcome.wrong(
            answer_size=self.answer_size, in_flight=self.connections * self.streams
        )


@dataclass(frozen=True, slots=True)
class OwnLoad:
    """Asks for all keys in turn over gRPC, and looks at each answer."""

    port: int
    connections: int
    streams: int
    answer_size: int

    def command(self, folder: Path, seconds: float) -> tuple[list[str], Path]:
        """Return the command line and its log."""
        log = folder / "requests.tsv"
        argv = [sys.executable, "-m", "bench.load", "--port", str(self.port)]
        argv += ["--connections", str(self.connections), "--streams", str(self.streams)]
        argv += ["--answer-size", str(self.answer_size)]
        return [*argv, "--seconds", str(seconds), "--log", str(log)], log

    def wrong(self, printed: str) -> int:  # noqa: ARG002 - Load's signature
        """Return 0: what was wrong stands in the log."""
        return 0
