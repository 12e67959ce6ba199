"""Claims about what a worker remembers."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from authsvc.cache import BoundedMap, CredentialCache, Kept, SecondChances
from authsvc.decision import Identity
from authsvc.entities import Consumer
from authsvc.store import KnownConsumer
from tests.examples import examples

CAPACITY = 4


def identity_of(consumer_id: str, credential_id: str = "k") -> Identity:
    consumer = Consumer(id=consumer_id, created_at=0, updated_at=0, username=consumer_id)
    return Identity(KnownConsumer(consumer, ()), credential_id)


def test_a_full_map_forgets_what_was_used_longest_ago() -> None:
    remembered: BoundedMap[str, int] = BoundedMap(2)
    assert remembered.put("a", 1) is None
    assert remembered.put("b", 2) is None
    assert remembered.get("a") == 1
    assert remembered.put("c", 3) == ("b", 2)
    assert (remembered.get("a"), remembered.get("b"), remembered.get("c")) == (1, None, 3)


def test_replacing_an_entry_of_a_full_map_forgets_nothing_else() -> None:
    remembered: BoundedMap[str, int] = BoundedMap(1)
    remembered.put("a", 1)
    assert remembered.put("a", 2) is None
    assert remembered.pop("a") == 2
    assert remembered.pop("a") is None


def test_a_map_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        BoundedMap(0)


def test_what_is_used_is_spared_where_room_is_needed() -> None:
    kept: SecondChances[str, Kept] = SecondChances(2)
    first, second, third, fourth = (Kept() for _ in range(4))
    kept.put("first", first)
    kept.put("second", second)
    assert kept.get("first") is first
    kept.put("third", third)
    assert kept.get("second") is None
    kept.put("fourth", fourth)  # the first was not used since it was spared
    assert kept.get("first") is None
    assert (kept.get("third"), kept.get("fourth")) == (third, fourth)


def test_room_is_made_also_where_all_is_used() -> None:
    kept: SecondChances[int, Kept] = SecondChances(200)
    for number in range(400):
        kept.put(number, Kept())
        assert kept.get(number) is not None
    assert len(kept) == 200


def test_what_is_replaced_takes_no_room_of_others() -> None:
    kept: SecondChances[str, Kept] = SecondChances(1)
    first, second = Kept(), Kept()
    kept.put("a", first)
    kept.put("a", second)
    assert (kept.get("a"), len(kept)) == (second, 1)
    kept.clear()
    assert (kept.get("a"), len(kept)) == (None, 0)


def test_second_chances_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SecondChances(0)


@pytest.mark.parametrize("ending", ["digest", "unknown", "other", "consumer", "clear", "no room"])
def test_who_holds_an_identity_sees_that_it_is_forgotten(ending: str) -> None:
    cache = CredentialCache(credentials=2)
    cache.remember(b"1", identity_of("bob"))
    held = cache.hold(b"1")
    assert held is not None
    assert held.is_remembered()
    assert held.identity is cache.find(b"1")
    endings = {
        "digest": lambda: cache.forget_digest(b"1"),
        "unknown": lambda: cache.remember_unknown(b"1"),
        "other": lambda: cache.remember(b"1", identity_of("alice")),
        "consumer": lambda: cache.forget_consumer("bob"),
        "clear": cache.clear,
        "no room": lambda: [cache.remember(bytes(each), identity_of("al")) for each in range(4)],
    }

    endings[ending]()

    assert not held.is_remembered()


def test_what_nobody_has_is_not_held() -> None:
    assert CredentialCache().hold(b"1") is None


def test_a_forgotten_consumer_takes_all_its_keys_along() -> None:
    cache = CredentialCache()
    cache.remember(b"1", identity_of("bob"))
    cache.remember(b"2", identity_of("bob"))
    cache.remember(b"3", identity_of("alice"))
    cache.forget_consumer("bob")
    assert cache.find(b"1") is None
    assert cache.find(b"2") is None
    assert cache.find(b"3") == identity_of("alice")


def test_a_key_that_changed_hands_is_not_forgotten_with_its_former_owner() -> None:
    cache = CredentialCache()
    cache.remember(b"1", identity_of("bob"))
    cache.remember(b"1", identity_of("alice"))
    cache.forget_consumer("bob")
    assert cache.find(b"1") == identity_of("alice")


def test_a_key_is_known_or_unknown_but_never_both() -> None:
    cache = CredentialCache()
    cache.remember(b"1", identity_of("bob"))
    cache.remember_unknown(b"1")
    assert cache.find(b"1") is None
    assert cache.is_unknown(b"1")
    cache.remember(b"1", identity_of("bob"))
    assert not cache.is_unknown(b"1")


digests = st.sampled_from([bytes([number]) for number in range(8)])
consumers = st.sampled_from(["bob", "alice", "carol"])


class CacheMachine(RuleBasedStateMachine):
    """The cache beside a plain dictionary that never has to forget."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = CredentialCache(credentials=CAPACITY, unknown=CAPACITY)
        self.known: dict[bytes, Identity] = {}
        self.unknown: set[bytes] = set()

    @rule(digest=digests, consumer=consumers)
    def remember(self, digest: bytes, consumer: str) -> None:
        self.cache.remember(digest, identity_of(consumer))
        self.known[digest] = identity_of(consumer)
        self.unknown.discard(digest)
        assert self.cache.find(digest) == identity_of(consumer)

    @rule(digest=digests)
    def remember_unknown(self, digest: bytes) -> None:
        self.cache.remember_unknown(digest)
        self.unknown.add(digest)
        self.known.pop(digest, None)
        assert self.cache.is_unknown(digest)

    @rule(digest=digests)
    def forget_digest(self, digest: bytes) -> None:
        self.cache.forget_digest(digest)
        self.known.pop(digest, None)
        self.unknown.discard(digest)

    @rule(consumer=consumers)
    def forget_consumer(self, consumer: str) -> None:
        self.cache.forget_consumer(consumer)
        self.known = {
            digest: identity
            for digest, identity in self.known.items()
            if identity.owner.consumer.id != consumer
        }

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.known.clear()
        self.unknown.clear()

    @invariant()
    def nothing_forgotten_is_remembered(self) -> None:
        for digest in (bytes([number]) for number in range(8)):
            found = self.cache.find(digest)
            assert found is None or found == self.known.get(digest)
            assert not self.cache.is_unknown(digest) or digest in self.unknown

    @invariant()
    def memory_is_bounded_in_the_index_of_consumers_too(self) -> None:
        known, unknown = self.cache.sizes
        assert known <= CAPACITY
        assert unknown <= CAPACITY
        assert sum(len(digests) for digests in self.cache._of_consumer.values()) == known
        assert all(self.cache._of_consumer.values())


CacheMachine.TestCase.settings = settings(
    max_examples=examples(30), stateful_step_count=40, deadline=None
)
TestCacheMachine = CacheMachine.TestCase
