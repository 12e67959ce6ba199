"""A worker that knows which keys there are, beside the oracle that judges every worker.

Whatever is written, cut off, delayed, pruned or overtaken while pages are read: no key is refused
that existed when the worker last applied the change log, or at any time since.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from authsvc.apikey import ApiKey
from authsvc.errors import StoreUnavailableError
from authsvc.follower import FRESH_SECONDS
from tests.authsvc.test_revocation_model import Kind, RevocationMachine, abouts, kinds
from tests.examples import examples
from tests.fakes.slow_listing import SlowListing
from tests.fakes.worker import make_worker
from tests.fakes.world import About


class KnownKeysMachine(RevocationMachine):
    def __init__(self) -> None:
        super().__init__()
        self.listing = SlowListing(self.world.database.digests)
        self.worker = make_worker(
            self.world.database,
            sealer=self.world.sealer,
            clock=lambda: self.world.now,
            monotonic=lambda: self.world.now,
            directory=self.directory,
            listing=self.listing,
        )
        assert self.worker.known_keys is not None
        self.known_keys = self.worker.known_keys
        self.loading = self.known_keys.loading()
        self.run(self.loading.__aenter__())

    def teardown(self) -> None:
        self.run(self.loading.__aexit__(None, None, None))
        super().teardown()

    @rule(held=st.sampled_from([False, True, True]))
    def hold_pages_or_let_them_pass(self, held: bool) -> None:
        self.listing.held = held
        while self.listing.waiting and not held:
            self.listing.release()
        self.pump()

    @precondition(lambda self: self.listing.waiting)
    @rule(failure=st.sampled_from([None, None, StoreUnavailableError("away")]))
    def deliver_a_page(self, failure: Exception | None) -> None:
        self.listing.release(failure=failure)
        self.pump()

    @rule()
    def forget_all_and_load_again(self) -> None:
        self.worker.resolver.forget_all()
        self.pump()

    @rule(kind=kinds, about=abouts)
    def overtake_a_page_by_a_change(self, kind: Kind, about: About) -> None:
        self.listing.held = True
        self.forget_all_and_load_again()
        self.write_and_apply(kind, about)
        self.hold_pages_or_let_them_pass(held=False)

    @precondition(lambda self: self.known_keys.are_loaded and self.reads_the_log())
    @rule()
    def refuse_without_the_store(self) -> None:
        asked = self.worker.directory.asked
        found = self.run(self.worker.resolver.find(ApiKey(b"nobody's")))
        assert found is None
        assert self.worker.directory.asked == asked

    def reads_the_log(self) -> bool:
        return self.world.now - self.worker.follower._read_at < FRESH_SECONDS


KnownKeysMachine.TestCase.settings = settings(
    max_examples=examples(25), stateful_step_count=30, deadline=None
)
TestKnownKeysMachine = KnownKeysMachine.TestCase
