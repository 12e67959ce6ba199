"""h2load, of Debian's nghttp2-client: how it is called, and what it says in the end."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MISSING = "h2load is not here (Debian: apt-get install nghttp2-client)"

_REQUESTS = re.compile(
    r"^requests: .* (?P<done>\d+) done, .* "
    r"(?P<failed>\d+) failed, (?P<errored>\d+) errored, (?P<timeout>\d+) timeout$",
    re.MULTILINE,
)
_DATA = re.compile(r"^traffic: .* \S+ \((?P<bytes>\d+)\) data$", re.MULTILINE)


def is_here() -> bool:
    """Return whether it can be called."""
    return shutil.which("h2load") is not None


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked again and again, over HTTP/2 where there is a body, else over HTTP/1.1."""

    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it saw in all: requests done and not done, and bytes of answers' bodies."""

    done: int
    failed: int
    body_bytes: int

    def wrong(self, *, answer_size: int, in_flight: int) -> int:
        """Return how many answers cannot have been of that size, at least.

        Of those in flight at the end the body may have been counted, and the answer not.
        """
        least = self.done * answer_size
        most = least + in_flight * answer_size
        if least <= self.body_bytes <= most:
            return self.failed
        return self.failed + max(1, abs(self.body_bytes - least) // answer_size)


def command(
    request: Request, *, port: int, connections: int, streams: int, seconds: float, folder: Path
) -> tuple[list[str], Path]:
    """Return the command line, and the log it will write, in a folder of this run alone."""
    log = folder / "requests.tsv"
    argv = ["h2load", f"--duration={seconds * 1000:.0f}ms", f"--clients={connections}"]
    argv += [f"--max-concurrent-streams={streams}", f"--log-file={log}"]
    argv += [f"--header={name}: {value}" for name, value in request.headers.items()]
    if request.body is None:
        argv.append("--h1")
    else:
        body = folder / "body"
        body.write_bytes(request.body)
        argv.append(f"--data={body}")
    return [*argv, f"http://127.0.0.1:{port}{request.path}"], log


def read_outcome(printed: str) -> Outcome:
    """Return what h2load printed at its end.

    Raises:
        ValueError: It printed something else: it did not run, or is of another kind.
    """
    requests, data = _REQUESTS.search(printed), _DATA.search(printed)
    if requests is None or data is None:
        raise ValueError(f"h2load said something else than expected: {printed[-500:]!r}")
    lost: Sequence[str] = requests.group("failed", "errored", "timeout")
    return Outcome(
        done=int(requests["done"]), failed=sum(map(int, lost)), body_bytes=int(data["bytes"])
    )
