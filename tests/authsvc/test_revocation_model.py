"""A worker beside an oracle: whatever is written, cut off, delayed or pruned, it tells no lie.

A decision may be as old as what the worker had applied when it was asked, and no older: its answer
was the truth at some moment between then and now.  That a key is unknown may be as old only while
the change log is being read; else it was asked of the store after the question.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from authsvc.decision import Allow, Decision, Unavailable
from authsvc.errors import StoreUnavailableError
from authsvc.follower import FRESH_SECONDS
from authsvc.request import Request
from tests.examples import examples
from tests.fakes.slow_directory import SlowDirectory
from tests.fakes.worker import make_worker
from tests.fakes.world import About, Fact, World

T = TypeVar("T")
Kind = Callable[["World", "About"], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Asked:
    """A decision under way, and how old its answer may be."""

    decision: "asyncio.Task[Decision]"
    key: str
    oldest: int  # moment
    oldest_unknown: int  # moment
    cut: bool


KEYS = ("k0", "k1", "k2")
MOST_ASKED = 3  # at once about one key
kinds = st.sampled_from(
    (
        World.add_consumer,
        World.delete_consumer,
        World.rename_consumer,
        World.change_group,
        World.create_key,
        World.revoke_key,
        World.change_key,
        World.change_lifetime,
    )
)
abouts = st.builds(
    About,
    name=st.sampled_from(["bob", "alice"]),
    key=st.sampled_from(KEYS),
    other=st.sampled_from(KEYS),
    group=st.sampled_from(["admin", "pro"]),
    lifetime=st.sampled_from([None, 1, 5]),
)


class RevocationMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.directory = SlowDirectory(self.world.database.directory)
        self.worker = make_worker(
            self.world.database,
            sealer=self.world.sealer,
            clock=lambda: self.world.now,
            monotonic=lambda: self.world.now,
            directory=self.directory,
        )
        self.applied = 0  # the moment up to which the worker has read
        self.asked: list[Asked] = []

    def teardown(self) -> None:
        self.run(self.worker.resolver.close())
        self.run(_ended(asked.decision for asked in self.asked))
        self.loop.close()

    @initialize()
    def begin(self) -> None:
        for name, key in (("bob", "k0"), ("alice", "k1")):
            about = About(name=name, key=key, other=key, group="", lifetime=None)
            self.write(World.add_consumer, about)
            self.write(World.create_key, about)
        self.read_the_log()

    @rule(kind=kinds, about=abouts)
    def write(self, kind: Kind, about: About) -> None:
        self.run(kind(self.world, about))
        self.world.note()

    @rule(kind=kinds, about=abouts)
    def write_and_apply(self, kind: Kind, about: About) -> None:
        self.write(kind, about)
        self.read_the_log()

    @rule(batch=st.lists(st.tuples(kinds, abouts), min_size=4, max_size=6))
    def write_more_than_the_log_keeps(self, batch: list[tuple[Kind, About]]) -> None:
        for kind, about in batch:
            self.world.now += 0.5
            self.write(kind, about)
        self.read_the_log()

    @rule(kind=kinds, about=abouts)
    def overtake_look_ups_by_a_change(self, kind: Kind, about: About) -> None:
        self.worker.resolver.forget_all()
        self.directory.held = True
        self.every_key_is_asked_about_all_the_time()
        self.write_and_apply(kind, about)
        self.hold_or_let_pass(held=False)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 10.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(cut=st.sampled_from([False, False, True]))
    def cut_or_heal(self, cut: bool) -> None:
        self.worker.link.cut = cut

    @rule(held=st.sampled_from([False, True]))
    def hold_or_let_pass(self, held: bool) -> None:
        self.directory.held = held
        while self.directory.waiting and not held:
            self.directory.release()
        self.judge()

    @rule()
    def read_the_log(self) -> None:
        try:
            self.run(self.worker.follower.catch_up())
        except StoreUnavailableError:
            assert self.worker.link.cut
        else:
            assert not self.worker.link.cut
            self.applied = self.world.moment

    @precondition(lambda self: self.directory.waiting)
    @rule(data=st.data(), failure=st.sampled_from([None, None, StoreUnavailableError("away")]))
    def answer_from_the_store(self, data: st.DataObject, failure: Exception | None) -> None:
        at = data.draw(st.integers(0, self.directory.waiting - 1), label="at")
        self.directory.release(at, failure=failure)
        self.judge(failed=failure is not None)

    @invariant()
    def every_key_is_asked_about_all_the_time(self) -> None:
        for key in KEYS:
            if sum(asked.key == key for asked in self.asked) < MOST_ASKED:
                self.ask(key)
        self.judge()

    @rule(key=st.sampled_from(KEYS))
    def give_up(self, key: str) -> None:
        for asked in self.asked:
            if asked.key == key:
                asked.decision.cancel()
        self.asked = [asked for asked in self.asked if asked.key != key]
        self.pump()

    def ask(self, key: str) -> None:
        request = Request(method="GET", path="/", headers=(("apikey", key.encode()),))
        read_at = self.worker.follower._read_at
        is_fresh = self.world.now - read_at < FRESH_SECONDS
        joined = [asked.oldest_unknown for asked in self.asked if asked.key == key]
        self.asked.append(
            Asked(
                self.loop.create_task(self.worker.authenticator.decide(request)),
                key,
                oldest=self.applied,
                oldest_unknown=self.applied if is_fresh else min([self.world.moment, *joined]),
                cut=self.worker.link.cut,
            )
        )

    def judge(self, *, failed: bool = False) -> None:
        """Compare every decision that has come with what it may be."""
        self.pump()
        come = [asked for asked in self.asked if asked.decision.done()]
        self.asked = [asked for asked in self.asked if not asked.decision.done()]
        for asked in come:
            self.judge_one(asked, asked.decision.result(), failed=failed)

    def judge_one(self, asked: Asked, decision: Decision, *, failed: bool) -> None:
        facts = self.world.facts(asked.key, asked.oldest)
        if isinstance(decision, Unavailable):
            # Cut now: a question that waited for others to be answered is asked only then.
            assert asked.cut or self.worker.link.cut or failed
        elif isinstance(decision, Allow):
            assert _told(decision) in [
                fact for fact in facts if fact and fact.is_alive(self.world.now)
            ]
        else:
            unknown = None in self.world.facts(asked.key, asked.oldest_unknown)
            assert unknown or any(fact and not fact.is_alive(self.world.now) for fact in facts)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def pump(self) -> None:
        for _ in range(16):
            self.run(asyncio.sleep(0))


def _told(decision: Allow) -> Fact:
    assert decision.identity is not None
    owner = decision.identity.owner
    return Fact(
        str(decision.identity.credential_id),
        owner.consumer.id,
        owner.consumer.username,
        owner.groups,
        decision.identity.expires_at,
    )


async def _ended(tasks: Iterable["asyncio.Task[Decision]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


RevocationMachine.TestCase.settings = settings(
    max_examples=examples(30), stateful_step_count=30, deadline=None
)
TestRevocationMachine = RevocationMachine.TestCase
