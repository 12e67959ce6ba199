"""Claims about what answers are kept by."""

from hypothesis import given
from hypothesis import strategies as st

from authsvc.extauthz.tags import Tags

asked = st.tuples(st.binary(max_size=6), st.binary(max_size=6))


@given(asked, asked)
def test_only_the_same_key_at_the_same_host_has_the_same_tag(
    one: tuple[bytes, bytes], other: tuple[bytes, bytes]
) -> None:
    tags = Tags()

    assert (tags.of(*one) == tags.of(*other)) == (one == other)


def test_nobody_can_foresee_a_tag() -> None:
    assert Tags().of(b"key", b"host") != Tags().of(b"key", b"host")


def test_no_tag_holds_its_key() -> None:
    key = b"0123456789abcdef"

    assert key[:4] not in Tags().of(key, b"")
