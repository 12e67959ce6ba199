"""Whatever happens to a file: nothing is invented, and what is whole is kept, in order."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.spool_cipher import SpoolCipher
from analytics.spool_record import HEAD_LENGTH, RecordFormat, RecordKind, scan

KEY = bytes(range(32))
CONTENTS = st.lists(st.binary(max_size=60), min_size=1, max_size=6)


def record_format(name: str = "spool") -> RecordFormat:
    return RecordFormat(SpoolCipher(KEY, name))


def write(records: RecordFormat, contents: list[bytes]) -> list[bytes]:
    return [
        records.write(
            RecordKind.BATCH, content, batch=number, events=number, size=len(content), since=1.5
        )
        for number, content in enumerate(contents)
    ]


def read(records: RecordFormat, file: bytes) -> list[bytes]:
    """Return what opens of a file."""
    parts = [file[each.offset : each.offset + each.length] for each in scan(file)]
    return [text for part in parts if (text := records.open(part)) is not None]


@given(CONTENTS)
def test_what_was_written_is_read(contents: list[bytes]) -> None:
    records = record_format()
    file = b"".join(write(records, contents))
    assert read(records, file) == contents
    assert [each.batch for each in scan(file)] == list(range(len(contents)))


@given(CONTENTS, st.data())
def test_of_a_torn_file_all_whole_records_are_read(
    contents: list[bytes], data: st.DataObject
) -> None:
    records = record_format()
    written = write(records, contents)
    file = b"".join(written)
    cut = data.draw(st.integers(min_value=0, max_value=len(file)))
    whole, end = 0, 0
    while whole < len(written) and end + len(written[whole]) <= cut:
        end += len(written[whole])
        whole += 1
    assert read(records, file[:cut]) == contents[:whole]


@given(CONTENTS, st.data())
def test_a_changed_byte_costs_one_record_at_most(
    contents: list[bytes], data: st.DataObject
) -> None:
    records = record_format()
    written = write(records, contents)
    file = bytearray(b"".join(written))
    at = data.draw(st.integers(min_value=0, max_value=len(file) - 1))
    file[at] ^= data.draw(st.integers(min_value=1, max_value=255))
    ends = [sum(map(len, written[: number + 1])) for number in range(len(written))]
    hit = next(number for number, end in enumerate(ends) if at < end)
    assert read(records, bytes(file)) == contents[:hit] + contents[hit + 1 :]


@given(st.binary(max_size=300))
def test_nothing_is_read_from_noise(noise: bytes) -> None:
    assert read(record_format(), noise) == []


@given(CONTENTS, st.binary(max_size=100))
def test_noise_before_records_does_not_hide_them(contents: list[bytes], noise: bytes) -> None:
    records = record_format()
    assert read(records, noise + b"".join(write(records, contents))) == contents


def test_a_later_run_reads_what_an_earlier_one_wrote() -> None:
    file = b"".join(write(record_format(), [b"one", b"two"]))
    assert read(record_format(), file) == [b"one", b"two"]


def test_two_runs_never_seal_alike() -> None:
    first, second = (write(record_format(), [b"same"])[0] for _ in range(2))
    assert first[HEAD_LENGTH:] != second[HEAD_LENGTH:]


def test_a_record_of_another_spool_does_not_open() -> None:
    (record,) = write(record_format("one"), [b"text"])
    assert record_format("other").open(record) is None


def test_a_record_does_not_open_under_another_key() -> None:
    (record,) = write(record_format(), [b"text"])
    assert RecordFormat(SpoolCipher(os.urandom(32), "spool")).open(record) is None


def test_no_event_is_readable() -> None:
    (record,) = write(record_format(), [b"in-the-event"])
    assert b"in-the-event" not in record


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SpoolCipher(b"short", "spool")
