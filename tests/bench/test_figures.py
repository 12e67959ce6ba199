"""Medians over rounds, ratios between contenders, and goals that are reached or not."""

from collections.abc import Mapping

import pytest

from bench.direct import ONE_KEY
from bench.figures import Figures
from bench.gateway import FEW, MANY, SINGLE
from bench.goals import GOALS, Goal, judge
from bench.measurement import Cost, Stretch
from bench.roster import COMPILED, EDGE_CACHE, FAST_LANE, NO_FILTER, PLAIN
from bench.scenes import SERVER

MEBIBYTE = 2**20


def stretch(*, rate: float, p50: float = 0.001, memory: float = 50, **cpu_us: float) -> Stretch:
    """Two seconds in which each watched process took so many µs for an answer."""
    answers = int(rate * 2)
    costs = {
        name: Cost(cpu_seconds=each * answers / 1e6, resident_bytes=int(memory * MEBIBYTE))
        for name, each in cpu_us.items()
    }
    return Stretch(
        answers=answers,
        seconds=2.0,
        p50=p50,
        p99=p50 * 2,
        p999=p50 * 3,
        costs=costs,
        load_cpu_share=0.5,
        others_cpu_share=0.0,
    )


def test_a_summary_is_of_medians() -> None:
    rounds = [
        stretch(rate=rate, p50=p50, memory=memory, server=cost)
        for rate, p50, memory, cost in [
            (1000, 0.001, 50, 10),
            (3000, 0.004, 70, 40),
            (2000, 0.002, 60, 20),
        ]
    ]

    summary = Figures.of({ONE_KEY: {PLAIN: rounds}}).find(ONE_KEY, PLAIN)

    assert summary is not None
    assert (summary.rate, summary.p50_ms, summary.p99_ms, summary.p999_ms) == (2000, 2, 4, 6)
    assert summary.cpu_us[SERVER] == pytest.approx(20)
    assert summary.resident_mb == {SERVER: 60}


def test_what_was_not_measured_has_no_ratio() -> None:
    figures = Figures.of({ONE_KEY: {PLAIN: [stretch(rate=1000, server=10)]}})

    assert figures.rate_ratio(ONE_KEY, FAST_LANE, PLAIN) is None
    assert figures.rate_ratio("no such scene", FAST_LANE, PLAIN) is None
    assert figures.added_p50_ms(SINGLE.scene, FAST_LANE, NO_FILTER) is None


def seen(**fields: float) -> list[Stretch]:
    return [stretch(**fields)]


# Every goal is just about reached.
REACHED: Mapping[str, Mapping[str, list[Stretch]]] = {
    ONE_KEY: {
        PLAIN: seen(rate=2000, server=450),
        FAST_LANE: seen(rate=50_000, memory=60, server=22.4),
        COMPILED: seen(rate=90_000, server=9.9),
    },
    SINGLE.scene: {
        NO_FILTER: seen(rate=9000, p50=0.0001, envoy=40),
        FAST_LANE: seen(rate=3000, p50=0.000349, envoy=150, server=30),
    },
    FEW.scene: {
        PLAIN: seen(rate=1000, envoy=200, server=400),
        FAST_LANE: seen(rate=2000, envoy=150, server=30),
    },
    MANY.scene: {
        PLAIN: seen(rate=1000, envoy=200, server=360),
        FAST_LANE: seen(rate=3500, envoy=150, server=29.9),
        COMPILED: seen(rate=4000, envoy=150, server=11.9),
        EDGE_CACHE: seen(rate=5960, envoy=90, server=0),
    },
}


def test_every_goal_is_reached_by_those_who_are_just_good_enough() -> None:
    verdicts = list(judge(Figures.of(REACHED, worker_mb=60)))

    assert [verdict.goal for verdict in verdicts if verdict.verdict != "reached"] == []
    assert len(verdicts) == len(GOALS)


WORSE = {FAST_LANE: 0.9, COMPILED: 0.9, EDGE_CACHE: 0.7}  # times as good as those above


def test_no_goal_is_reached_by_those_who_are_worse() -> None:
    scenes = {
        scene: {
            name: [worsened(each, WORSE.get(name, 1.0)) for each in rounds]
            for name, rounds in contenders.items()
        }
        for scene, contenders in REACHED.items()
    }

    verdicts = list(judge(Figures.of(scenes, worker_mb=61)))

    assert {verdict.verdict for verdict in verdicts} == {"not reached"}


def worsened(one: Stretch, share: float) -> Stretch:
    """Return what somebody did who is only so good."""
    memory = max(cost.resident_bytes for cost in one.costs.values()) / MEBIBYTE
    return stretch(
        rate=one.rate * share,
        p50=one.p50 / share,
        memory=memory / share,
        **{name: one.cpu_per_answer(name) * 1e6 / share for name in one.costs},
    )


def test_a_goal_that_nobody_tried_is_said_to_be_open() -> None:
    verdicts = list(judge(Figures.of({})))

    assert {(verdict.measured, verdict.verdict) for verdict in verdicts} == {("-", "not measured")}


def test_a_limit_itself_is_good_enough() -> None:
    most = Goal("", lambda _: None, 0.25, str, at_most=True)
    least = Goal("", lambda _: None, 20, str)

    assert (most.is_reached(0.25), most.is_reached(0.26)) == (True, False)
    assert (least.is_reached(20), least.is_reached(19.9)) == (True, False)
