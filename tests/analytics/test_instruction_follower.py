import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from analytics.application_id import ApplicationId
from analytics.backoff import Backoff
from analytics.collector import Fetched, Target
from analytics.errors import CollectorUnreachableError, DocumentError
from analytics.instruction_follower import FollowSettings, InstructionFollower
from analytics.instruction_metrics import DocumentStatus, FetchOutcome, FollowStatus, Origin
from analytics.instruction_store import Document, InstructionStore
from analytics.rules import RuleKind
from tests.deadline import eventually
from tests.fakes.documents import CONFIG, RULES, CountingInstructions, ScriptedSource, good

TARGET = Target(ApplicationId("canary"), "http://collector", 1.0, 1.0)
RULE = {"_id": "R", "type": "regex", "block": True, "response": {"status": 403}}
AWAY = CollectorUnreachableError()
START = 2_000_000_000.0  # Unix time at which the clock begins


class Following:
    """A follower of a script, in a time of its own."""

    def __init__(
        self, store: InstructionStore | None = None, *, wants_rules: bool = False, **script: Any
    ) -> None:
        self.source = ScriptedSource(**script)
        self.metrics = CountingInstructions()
        self.settings = FollowSettings(TARGET, 30.0, wants_rules)
        self.follower = InstructionFollower(
            self.settings,
            name="global",
            source=self.source,
            store=store,
            metrics=self.metrics,
            refuses_header=lambda _name: False,
            backoff=Backoff(chance=lambda: 0.5),
            wait=self.source.clock.wait,
            monotonic=self.source.clock,
            clock=lambda: START + self.source.clock.now,
        )

    @asynccontextmanager
    async def to_the_end(self) -> AsyncIterator["Following"]:
        """Follow until the script has no more answers."""
        self.follower.start()
        await eventually(lambda: self.source.is_over, "the end of the script")
        yield self
        await self.follower.stop()

    @property
    def rate(self) -> float:
        return self.follower.current.sampling.everyone

    @property
    def statuses(self) -> list[FollowStatus]:
        """What was told of how it goes, until it was over."""
        return [status for status in self.metrics.statuses["global"] if status is not None]

    @property
    def times(self) -> list[float]:
        return [at for kind, at in self.source.asked if kind is CONFIG]

    @property
    def outcomes(self) -> list[FetchOutcome]:
        return [outcome for kind, outcome in self.metrics.fetches if kind is CONFIG]


async def test_it_asks_at_the_start_and_again_after_the_interval() -> None:
    script = [good({"sample_rate": 5}), good({"sample_rate": 5}), good({"sample_rate": 6})]
    async with Following(config=script).to_the_end() as following:
        assert following.times == [0, 30, 60, 90]
        assert following.rate == 6
        changed, unchanged = FetchOutcome.CHANGED, FetchOutcome.UNCHANGED
        assert following.outcomes == [changed, unchanged, changed]
        assert RULES not in dict(following.source.asked)


async def test_rules_are_asked_for_where_they_are_wanted() -> None:
    following = Following(wants_rules=True, config=[good({})], rules=[good([RULE])])
    async with following.to_the_end():
        assert following.follower.current.rulebook.size == 1
        assert following.follower.current.cohorts is not None


BAD: dict[str, tuple[Any, FetchOutcome]] = {
    "an error with a body": (Fetched(500, b"{}"), FetchOutcome.FAILED),
    "a refused application id": (Fetched(401), FetchOutcome.REFUSED),
    "a redirect": (Fetched(302), FetchOutcome.REFUSED),
    "no answer": (AWAY, FetchOutcome.UNREACHABLE),
    "nonsense": (good(b"<html>"), FetchOutcome.INVALID),
    "a list": (good([]), FetchOutcome.INVALID),
    "too much": (DocumentError("too large"), FetchOutcome.INVALID),
}


@pytest.mark.parametrize(("answer", "outcome"), BAD.values(), ids=BAD.keys())
async def test_the_last_good_document_stays_in_force(answer: Any, outcome: FetchOutcome) -> None:
    script = [good({"sample_rate": 5}), answer]
    with capture_logs() as logged:
        async with Following(config=script).to_the_end() as following:
            assert following.rate == 5
            assert following.outcomes == [FetchOutcome.CHANGED, outcome]
    assert "canary" not in str(logged)


async def test_after_a_failure_it_asks_sooner_and_more_and_more_seldom() -> None:
    async with Following(config=[AWAY] * 8).to_the_end() as following:
        waits = [b - a for a, b in zip(following.times, following.times[1:], strict=False)]
    # Half of 0.5 s, doubled each time and 30 s at most; but never closer than 2 s.
    assert waits == [2, 2, 2, 2, 4, 8, 15, 15]


async def test_it_waits_as_long_as_it_is_asked_to() -> None:
    async with Following(config=[Fetched(503, retry_after=100.0)]).to_the_end() as following:
        assert following.times[1] >= 100


async def test_a_refused_application_id_is_tried_now_and_then() -> None:
    async with Following(config=[Fetched(403)]).to_the_end() as following:
        assert following.times == [0, 60]


async def test_rules_are_asked_for_also_where_the_configuration_fails() -> None:
    following = Following(wants_rules=True, config=[Fetched(500)], rules=[good([RULE])])
    async with following.to_the_end():
        assert following.follower.current.rulebook.size == 1
        assert following.follower.current.cohorts is None


async def test_a_failure_and_its_end_are_told_once() -> None:
    with capture_logs() as logged:
        async with Following(config=[AWAY, AWAY, good({}), good({})]).to_the_end():
            pass
    assert [line["log_level"] for line in logged] == ["warning", "info"]


async def test_what_is_ignored_is_told_and_counted_within_bounds() -> None:
    rules = [{"_id": f"R{number}"} for number in range(50)]
    following = Following(wants_rules=True, config=[good({})], rules=[good([RULE, *rules])])
    with capture_logs() as logged:
        async with following.to_the_end():
            assert following.metrics.parts_ignored == {CONFIG: 0, RULES: 50}
    assert len([line for line in logged if line["log_level"] == "warning"]) == 21


# --- tags


async def test_a_new_tag_makes_it_ask_soon() -> None:
    following = Following(config=[good({}, tag="a"), good({}, tag="b")])
    following.source.clock.plan(5, lambda: following.follower.notice("b"))
    following.source.clock.plan(9, lambda: following.follower.notice("b"))
    async with following.to_the_end():
        assert following.times == [0, 5, 35]


async def test_a_new_tag_right_after_an_answer_waits_a_little() -> None:
    following = Following(config=[good({}, tag="a")])
    following.source.clock.plan(1, lambda: following.follower.notice("b"))
    async with following.to_the_end():
        assert following.times == [0, 2]


async def test_a_tag_that_comes_back_is_new_again() -> None:
    following = Following(config=[good({}, tag="a"), good({}, tag="b"), good({}, tag="a")])
    following.source.clock.plan(5, lambda: following.follower.notice("b"))
    following.source.clock.plan(10, lambda: following.follower.notice("a"))
    async with following.to_the_end():
        assert following.times == [0, 5, 10, 40]


async def test_a_tag_that_is_known_changes_nothing() -> None:
    following = Following(config=[good({}, tag="a")])
    following.source.clock.plan(5, lambda: following.follower.notice("a"))
    async with following.to_the_end():
        assert following.times == [0, 30]


async def test_a_collector_that_does_not_keep_its_word_is_not_asked_in_a_hurry_again() -> None:
    # One instance says b, another still answers with a.
    following = Following(config=[good({}, tag="a")] * 3)
    for at in range(5, 60):
        following.source.clock.plan(at, lambda: following.follower.notice("b"))
    async with following.to_the_end():
        assert following.times == [0, 5, 35, 65]


# --- the disk


def saved(directory: Path) -> str:
    """Return the name of the configuration that was saved."""
    (file,) = directory.glob("*.config.json")
    return file.stem


async def test_what_was_good_is_in_force_again_after_a_restart(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    script = {"config": [good({"sample_rate": 5}, tag="a")], "rules": [good([RULE])]}
    async with Following(store, wants_rules=True, **script).to_the_end():
        pass
    async with Following(store, wants_rules=True, config=[AWAY]).to_the_end() as following:
        assert following.rate == 5
        assert following.follower.current.cohorts is not None
        assert following.follower.current.rulebook.size == 1
    assert "canary" not in saved(tmp_path)


async def test_what_is_damaged_on_disk_is_as_good_as_not_there(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    async with Following(store, config=[good({"sample_rate": 5})]).to_the_end():
        pass
    store.save(saved(tmp_path), Document(b"<html>"))
    with capture_logs():
        async with Following(store, config=[AWAY]).to_the_end() as following:
            assert following.rate == 100


async def test_the_same_is_not_written_again(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    following = Following(store, config=[good({"sample_rate": 5})] * 3)
    stamps = []
    for at in (5, 65):
        following.source.clock.plan(at, lambda: stamps.append(store.stamp(saved(tmp_path))))
    async with following.to_the_end():
        assert len(stamps) == 2
        assert stamps[0] == stamps[1]


async def test_what_a_process_beside_it_saves_makes_it_ask_soon(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    following = Following(store, config=[good({"sample_rate": 5})])
    other = Document(orjson.dumps({"sample_rate": 6}))
    following.source.clock.plan(5, lambda: store.save(saved(tmp_path), other))
    async with following.to_the_end():
        assert following.times[1] in {5, 6}


async def test_what_a_process_beside_it_saves_as_well_is_no_news(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    following = Following(store, config=[good({}), good({}, tag="b")])
    document = Document(b"{}", "b")
    following.source.clock.plan(28, lambda: store.save(saved(tmp_path), document))
    async with following.to_the_end():
        # It is asked once, finds what was saved, and does not save it once more.
        assert len(following.times) == 3
        assert following.times[2] - following.times[1] == 30


async def test_how_it_goes_is_told_after_every_round() -> None:
    script = {"config": [good({"sample_rate": 5}), AWAY], "rules": [good([RULE]), good([RULE])]}
    async with Following(wants_rules=True, **script).to_the_end() as following:
        never, told, failed = following.statuses
    assert set(never.documents.values()) == {DocumentStatus()}
    assert (never.rules, told.rules) == (rules(0), rules(1))
    good_then = DocumentStatus(Origin.COLLECTOR, START)
    assert told.documents == {CONFIG: good_then, RULES: good_then}
    # What failed stays in force as it was; what was confirmed is as good as new.
    assert failed.documents == {
        CONFIG: good_then.failed(FetchOutcome.UNREACHABLE, START + 30),
        RULES: DocumentStatus(Origin.COLLECTOR, START + 30),
    }
    assert failed.sample_rate is None


async def test_what_is_from_disk_is_as_old_as_when_it_was_saved(tmp_path: Path) -> None:
    store = InstructionStore(tmp_path)
    async with Following(store, config=[good({"sample_rate": 5})]).to_the_end():
        pass
    os.utime(tmp_path / f"{saved(tmp_path)}.json", (1_900_000_000, 1_900_000_000))
    async with Following(store, config=[AWAY]).to_the_end() as following:
        remembered, _ = following.statuses
    assert remembered.documents == {CONFIG: DocumentStatus(Origin.DISK, 1_900_000_000)}
    assert (remembered.sample_rate, remembered.rules) == (5, None)


async def test_its_end_is_told_once_and_last() -> None:
    following = Following(config=[good({})])
    async with following.to_the_end():
        following.follower.retire()
        told = list(following.metrics.statuses["global"])
        assert told[-1] is None
    assert following.metrics.statuses["global"] == told


async def test_an_end_that_is_not_meant_is_told() -> None:
    with capture_logs() as logs:
        following = Following(config=[KeyError("a fault in here")])
        following.follower.start()
        await eventually(lambda: logs, "a line in the log")
        await following.follower.stop()
    assert [log["event"] for log in logs] == ["the collector is not asked any more"]


def rules(calls: int) -> dict[RuleKind, int]:
    return dict.fromkeys(RuleKind, 0) | {RuleKind.CALL: calls}


async def test_other_settings_are_used_at_once() -> None:
    following = Following(config=[good({})])
    slower = Target(TARGET.application_id, TARGET.endpoint, 9.0, 9.0)
    settings = FollowSettings(slower, 30.0, wants_rules=False)
    following.source.clock.plan(5, lambda: following.follower.adjust(settings))
    async with following.to_the_end():
        assert following.times == [0, 5]
        assert following.source.targets[-1] == slower
