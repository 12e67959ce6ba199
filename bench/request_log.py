"""What a load wrote down: one line for each answered request.

The format is that of ``h2load --log-file``: when it was sent (microseconds since 1970), the HTTP
status, and how long it took (microseconds), with tabs in between. Our own client writes the same;
0 stands for an answer that was not the right one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

_RIGHT = "200"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long answers took, in seconds."""

    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True)
class Window:
    """What was answered within a stretch of time; ``wrong`` counts in the whole log."""

    answers: int
    wrong: int
    latencies: Latencies


def write_log(rows: Iterable[tuple[float, bool, float]]) -> str:
    """Return the log of answers: when each was asked for (seconds), if it was right, how long."""
    return "".join(
        f"{int(asked * _MICROSECONDS)}\t{_RIGHT if right else 0}\t{int(took * _MICROSECONDS)}\n"
        for asked, right, took in rows
    )


def read_window(log: Iterable[str], *, begin: float, end: float) -> Window | None:
    """Return what a log says of the time from ``begin`` to ``end`` (seconds since 1970).

    None: nothing was answered in that time.

    Raises:
        ValueError: A line is not one of such a log.
    """
    within: list[int] = []
    wrong = 0
    first, last = begin * _MICROSECONDS, end * _MICROSECONDS
    for asked, status, took in _rows(log):
        if first <= asked + took < last:
            within.append(took)
        wrong += status != _RIGHT
    if not within:
        return None
    return Window(answers=len(within), wrong=wrong, latencies=centiles(within))


def _rows(log: Iterable[str]) -> Iterator[tuple[int, str, int]]:
    for line in log:
        asked, status, took, *_ = line.split("\t")
        yield int(asked), status, int(took)


def centiles(microseconds: Sequence[int]) -> Latencies:
    """Return the smallest values that are not exceeded by 50, 99 and 99.9 % of all."""
    ordered = sorted(microseconds)

    def nearest(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1] / _MICROSECONDS

    return Latencies(p50=nearest(0.5), p99=nearest(0.99), p999=nearest(0.999))
