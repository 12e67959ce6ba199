import pytest

from analytics.wire import UNREAD, Fields, Shape, key_and_value, length
from tests.fakes.wire_messages import number

SHAPE = Shape(texts=(1,), pieces=(2,), messages=(3,), times=(4,), int32s=(5,), int64s=(6, 17))


def fields(data: bytes) -> Fields:
    read = Fields(SHAPE)
    read.read(data, 0, len(data))
    return read


def test_what_was_not_written_is_empty() -> None:
    read = fields(b"")

    assert (read.text(1), read.piece(2), read.time(4)) == ("", b"", None)
    assert (read.number(5), read.number(6)) == (0, 0)


def test_fields_are_read_in_any_order_and_unknown_ones_passed_over() -> None:
    unknown = b"\x38\x05" + b"\x39" + bytes(8) + b"\x3a\x02ab" + b"\x3d" + bytes(4)
    read = fields(
        b"\x88\x01\x07" + unknown + b"\x12\x01\xff" + b"\x0a\x02\xc3\xa9" + b"\x28\x96\x01"
    )

    assert (read.text(1), read.piece(2)) == ("\u00e9", b"\xff")
    assert (read.number(5), read.number(17)) == (150, 7)


def test_the_last_one_counts() -> None:
    assert fields(b"\x0a\x01a\x0a\x01b").text(1) == "b"


def test_a_field_that_is_written_as_another_kind_is_unknown() -> None:
    read = fields(b"\x08\x01" + b"\x2a\x01a" + b"\x21" + bytes(8))

    assert (read.text(1), read.number(5), read.time(4)) == ("", 0, None)


def test_a_time_is_in_nanoseconds() -> None:
    assert fields(b"\x22\x04\x08\x02\x10\x05").time(4) == 2_000_000_005
    assert fields(b"\x22\x00").time(4) == 0


LEFT = {
    "field 0": b"\x02\x00",
    "a group": b"\x3b\x3c",
    "a kind that there is not": b"\x3e",
    "a tag of three bytes": b"\x80\x80\x01\x00",
    "a text that is none": b"\x0a\x01\xff",
    "more than there is": b"\x0a\x02a",
    "a number that ends too early": b"\x28\x80",
    "33 bits": b"\x28" + number(2**31),
    "64 bits": b"\x30" + number(2**63),
    "a negative number": b"\x28" + number(2**64 - 1),
    "a length of 29 bits": b"\x0a" + number(2**28),
    "a length of 64 bits": b"\x12" + number(2**64 - 1) + b"a",
    "a time twice": b"\x22\x02\x08\x01" * 2,
    "a time and more": b"\x22\x02\x18\x01",
    "a whole second of nanoseconds": b"\x22\x06\x10" + number(10**9),
    "another millennium": b"\x22\x07\x08" + number(2**33),
    "eight bytes that are seven": b"\x39" + bytes(7),
}


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_what_is_left_to_protobuf_raises(data: bytes) -> None:
    with pytest.raises(UNREAD):
        fields(data)


def test_a_message_is_not_read_beyond_its_end() -> None:
    with pytest.raises(UNREAD):
        Fields(SHAPE).read(b"\x0a\x02abc", 0, 3)


def test_a_length_may_be_longer_than_it_need_be() -> None:
    assert length(b"\x85\x80\x80\x00", 0) == (5, 4)


def test_an_entry_of_a_map_has_a_key_and_a_value() -> None:
    assert key_and_value(b"..\x0a\x01k\x12\x01v", 2, 8) == (4, 5, 7)


@pytest.mark.parametrize(
    "entry", [b"\x12\x01v\x0a\x01k", b"\x0a\x01k", b"\x0a\x01k\x12\x01vv", b"\x0a\x01k\x12\x02v"]
)
def test_another_entry_is_left_to_protobuf(entry: bytes) -> None:
    with pytest.raises(UNREAD):
        key_and_value(entry, 0, len(entry))
