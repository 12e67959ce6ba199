import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.wire import split_entries
from tests.fakes.envoy_log import entry, message


@given(st.integers(0, 5), st.booleans())
def test_entries_are_found_among_other_fields(count: int, named: bool) -> None:
    built = [entry(request={"path": f"/{number}"}) for number in range(count)]
    data = message(*built, node="envoy" if named else None)
    # Fields of every wire type that this version does not know.
    unknown = b"\x98\x06\x01" + b"\xa1\x06" + b"12345678" + b"\xa5\x06" + b"1234" + b"\xaa\x06\x01x"
    found = split_entries(unknown + data + unknown)
    assert found == [each.SerializeToString() for each in built]


MALFORMED = {
    "a length beyond the end": b"\x12\x05abc",
    "no length": b"\x12",
    "half a number": b"\x08\x80",
    "a number that never ends": b"\x08" + b"\xff" * 20,
    "a group": b"\x13\x14",
    "a fixed number that is cut off": b"\x09123",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|wire type|too long"):
        split_entries(data)
