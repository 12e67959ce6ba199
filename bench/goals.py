"""What the fast lane is to reach, as ratios within one run; said at the end, and not enforced."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.figures import Figures
from bench.gateway import FEW, MANY, SINGLE
from bench.roster import COMPILED, EDGE_CACHE, FAST_LANE, NO_FILTER, PLAIN
from bench.scenes import SERVER


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its limit: at least so much, or (``at_most``) no more than that."""

    text: str
    measure: Callable[[Figures], float | None]
    limit: float
    show: Callable[[float], str]
    at_most: bool = False

    def is_reached(self, value: float) -> bool:
        """Return whether a value will do."""
        return value <= self.limit if self.at_most else value >= self.limit


def _times(value: float) -> str:
    return f"{value:.1f}x"


def _part(value: float) -> str:
    return f"1/{1 / value:.1f}"


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms"


def _megabytes(value: float) -> str:
    return f"{value:.0f} MB"


def _per_core(name: str) -> Callable[[Figures], float | None]:
    def measure(figures: Figures) -> float | None:
        # CPU per check, upside down: checks for each second of CPU.
        return figures.cpu_ratio(figures.direct, PLAIN, name, SERVER)

    return measure


def _rate(scene: str, name: str, other: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.rate_ratio(scene, name, other)


def _server_cpu(name: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.cpu_ratio(MANY.scene, name, PLAIN, SERVER)


def _added_p50(name: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.added_p50_ms(SINGLE.scene, name, NO_FILTER)


GOALS = (
    Goal("direct, checks per second of CPU ÷ plain grpc.aio", _per_core(FAST_LANE), 20, _times),
    Goal("the same, compiled", _per_core(COMPILED), 45, _times),
    Goal(
        "Envoy, 2 workers, 64 connections: requests/s ÷ plain",
        _rate(MANY.scene, FAST_LANE, PLAIN),
        3.5,
        _times,
    ),
    Goal("the same, compiled", _rate(MANY.scene, COMPILED, PLAIN), 4, _times),
    Goal(
        "Envoy, 1 worker, 8 connections: requests/s ÷ plain",
        _rate(FEW.scene, FAST_LANE, PLAIN),
        2,
        _times,
    ),
    Goal(
        "server CPU per request through Envoy ÷ plain",
        _server_cpu(FAST_LANE),
        1 / 12,
        _part,
        at_most=True,
    ),
    Goal("the same, compiled", _server_cpu(COMPILED), 1 / 30, _part, at_most=True),
    Goal(
        "one client: p50 on top of Envoy without a filter",
        _added_p50(FAST_LANE),
        0.25,
        _milliseconds,
        at_most=True,
    ),
    Goal(
        "resident memory of a real worker that knows 10,000 keys",
        lambda figures: figures.worker_mb,
        60,
        _megabytes,
        at_most=True,
    ),
    Goal(
        "edge cache, 2 workers, 64 connections: requests/s ÷ fast lane",
        _rate(MANY.scene, EDGE_CACHE, FAST_LANE),
        1.7,
        _times,
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal, and what came out, in words."""

    goal: str
    limit: str
    measured: str
    verdict: str


def judge(figures: Figures) -> Iterator[Verdict]:
    """Yield what became of each goal."""
    for goal in GOALS:
        value = goal.measure(figures)
        limit = ("≤ " if goal.at_most else "≥ ") + goal.show(goal.limit)
        if value is None:
            yield Verdict(goal.text, limit, "-", "not measured")
        else:
            verdict = "reached" if goal.is_reached(value) else "not reached"
            yield Verdict(goal.text, limit, goal.show(value), verdict)
