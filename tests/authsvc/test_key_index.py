"""Claims about the set of digests."""

from array import array
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from authsvc.key_index import KeyIndex, prefix_of

LAST = (1 << 64) - 1
prefixes = st.one_of(
    st.integers(0, LAST),
    st.integers(0, 300),  # in the first array
    st.integers(LAST - 300, LAST),  # in the last
    st.integers(-3, 3).map(lambda near: (1 << 60) + near),  # on both sides of an edge
)


def digest_of(prefix: int) -> bytes:
    return prefix.to_bytes(8, "big") + bytes(24)


@given(
    pages=st.lists(st.lists(prefixes, max_size=40, unique=True), max_size=5),
    added=st.lists(prefixes, max_size=40),
    others=st.lists(prefixes, max_size=40),
)
def test_what_was_added_is_in_it_and_nothing_else(
    pages: list[list[int]], added: list[int], others: list[int]
) -> None:
    index = KeyIndex()
    for number, page in enumerate(pages):
        for prefix in added[number::5]:
            index.add(digest_of(prefix))
        index.extend(array("Q", sorted(page)))
    for prefix in added:
        index.add(digest_of(prefix))
    there = {*added, *(prefix for page in pages for prefix in page)}
    assert all(digest_of(prefix) in index for prefix in there)
    assert all((digest_of(prefix) in index) == (prefix in there) for prefix in others)
    assert len(index) == len(there)


@given(digest=st.binary(min_size=32, max_size=32))
def test_order_of_digests_is_order_of_what_stands_for_them(digest: bytes) -> None:
    other = sha256(digest).digest()
    assert (prefix_of(digest) <= prefix_of(other)) == (digest[:8] <= other[:8])
