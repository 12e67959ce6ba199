import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.encoding import compress_events, open_events
from analytics.errors import SpoolBusyError
from analytics.queued_batch import QueuedBatch
from analytics.spool_cipher import SpoolCipher
from analytics.spool_files import SpoolFiles
from tests.examples import examples

KEY = bytes(range(32))
Events = list[bytes]


def files_in(directory: Path, *, segment_size: int = 1_000_000) -> SpoolFiles:
    return SpoolFiles(directory, cipher=SpoolCipher(KEY, "spool"), segment_size=segment_size)


@contextmanager
def spool(directory: Path, **options: int) -> Iterator[tuple[SpoolFiles, list[QueuedBatch]]]:
    """Open a spool, and close it as the end of a process would: without a word."""
    files = files_in(directory, **options)
    found = files.open()
    try:
        yield files, found
    finally:
        files.close()


def batch(number: int, *events: bytes) -> QueuedBatch:
    return QueuedBatch(
        number=number,
        events=len(events),
        size=sum(map(len, events)),
        since=1000.0 + number,
        body=compress_events(events),
    )


def append(files: SpoolFiles, number: int, *events: bytes) -> QueuedBatch:
    made = batch(number, *events)
    files.append(made)
    return made


def settle(files: SpoolFiles, settled: QueuedBatch, done: int = 0) -> None:
    assert settled.place is not None
    files.settle(settled.place, done)


def events_of(files: SpoolFiles, found: list[QueuedBatch]) -> Events:
    """Return all events that are found and can be read, oldest first."""
    events: Events = []
    for each in found:
        assert each.place is not None
        body = files.read(each.place)
        if body is not None:
            events += open_events(body)[each.done :]
    return events


def left_in(directory: Path) -> Events:
    with spool(directory) as (files, found):
        return events_of(files, found)


def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, found):
        assert found == []
        append(files, 1, b"1", b"2")
        append(files, 2, b"3")
    with spool(tmp_path) as (files, found):
        assert events_of(files, found) == [b"1", b"2", b"3"]
        assert [(each.number, each.events, each.since) for each in found] == [
            (1, 2, 1001.0),
            (2, 1, 1002.0),
        ]


def test_what_was_settled_is_not(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        first = append(files, 1, b"1")
        append(files, 2, b"2")
        settle(files, first)
    assert left_in(tmp_path) == [b"2"]
    with spool(tmp_path) as (files, found):
        settle(files, found[0])
    assert left_in(tmp_path) == []


def test_of_a_batch_that_is_settled_in_part_the_rest_is(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        settle(files, append(files, 1, b"1", b"2", b"3"), done=2)
    assert left_in(tmp_path) == [b"3"]


def test_settling_a_younger_batch_first_loses_none(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        first, second, third = (append(files, each, b"%d" % each) for each in range(3))
        settle(files, second)
        settle(files, third)
        assert first.place is not None
    assert left_in(tmp_path) == [b"0", b"1", b"2"]


def test_open_events_are_there_after_a_restart(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        append(files, 1, b"1")
        files.keep_open(2, [b"2", b"3"], 5.0)
        files.keep_open(2, [b"4"], 5.0)
    with spool(tmp_path) as (files, found):
        assert events_of(files, found) == [b"1", b"2", b"3", b"4"]
        assert found[-1].since == 5.0
    assert left_in(tmp_path) == [b"1", b"2", b"3", b"4"]


def test_open_events_that_became_a_batch_are_there_once(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        files.keep_open(1, [b"1", b"2"], 5.0)
        append(files, 1, b"1", b"2", b"3")
    assert left_in(tmp_path) == [b"1", b"2", b"3"]


def test_so_they_are_if_the_process_ended_between_the_two(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        files.keep_open(1, [b"1", b"2"], 5.0)
        kept = (tmp_path / "open").read_bytes()
        append(files, 1, b"1", b"2", b"3")
    (tmp_path / "open").write_bytes(kept)
    assert left_in(tmp_path) == [b"1", b"2", b"3"]


def test_segments_go_once_all_in_them_is_settled(tmp_path: Path) -> None:
    with spool(tmp_path, segment_size=300) as (files, _):
        made = [append(files, each, os.urandom(200).hex().encode()) for each in range(5)]
        assert files.use.segments == 5
        for each in made[:3]:
            settle(files, each)
        assert files.use.segments == 2
        assert len(list(tmp_path.glob("*.segment"))) == 2
        assert files.use.size == sum(each.stat().st_size for each in tmp_path.glob("*.segment"))


def test_the_numbers_of_segments_are_never_used_again(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        settle(files, append(files, 1, b"1" * 600_000, os.urandom(600_000).hex().encode()))
        assert files.use.segments == 0
    with spool(tmp_path) as (files, _):
        append(files, 2, b"2")
    assert left_in(tmp_path) == [b"2"]


def test_a_batch_that_was_delivered_before_its_turn_is_not_written(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        files.keep_open(1, [b"1"], 5.0)
        delivered = batch(1, b"1")
        delivered.body = None
        files.append(delivered)
        assert delivered.place is None
    assert left_in(tmp_path) == []


def test_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    other = files_in(tmp_path)
    with spool(tmp_path) as (files, _):
        append(files, 1, b"1")
        with pytest.raises(SpoolBusyError):
            other.open()
    assert [each.number for each in other.open()] == [1]
    other.close()


def test_nobody_else_may_look(tmp_path: Path) -> None:
    directory = tmp_path / "spool" / "one"
    with spool(directory) as (files, _):
        append(files, 1, b"1")
        files.keep_open(2, [b"2"], 5.0)
    assert [path.stat().st_mode & 0o777 for path in (directory.parent, directory)] == [0o700] * 2
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_cursor_that_cannot_be_read_sends_again_rather_than_not(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        settle(files, append(files, 1, b"1"))
        append(files, 2, b"2")
    (tmp_path / "cursor").write_bytes(b"\0" * 40)
    assert left_in(tmp_path) == [b"1", b"2"]


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Have the system refuse longer files: what a full disk does, at a byte of our choice."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_after_a_full_disk_it_goes_on_behind_what_was_torn(tmp_path: Path) -> None:
    with spool(tmp_path) as (files, _):
        append(files, 1, b"1")
        with files_no_longer_than(200), pytest.raises(OSError, match="too large"):
            append(files, 2, os.urandom(500).hex().encode())
        with pytest.raises(OSError, match="after an error"):
            append(files, 3, b"3")
        assert files.open() == []
        append(files, 4, b"4")
    assert left_in(tmp_path) == [b"1", b"4"]


FILES = st.sampled_from(["segment", "open"])


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5), data=st.data())
def test_whatever_is_torn_or_changed_the_rest_is_found_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    written: list[Events] = []
    with spool(directory) as (files, _):
        for number, size in enumerate(sizes):
            written.append([b"%d.%d" % (number, each) for each in range(size)])
            append(files, number, *written[-1])
        files.keep_open(len(sizes), [b"open"], 5.0)
    (segment,) = directory.glob("*.segment")
    path = data.draw(st.sampled_from([segment, directory / "open"]))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    found = left_in(directory)
    everything = [event for events in written for event in events] + [b"open"]
    assert found == [event for event in everything if event in set(found)]  # nothing else, in order
    if path != segment:
        assert found[: len(everything) - 1] == everything[:-1]
    else:
        assert found[-1] == b"open"
        lost = [events for events in written if not set(events) <= set(found)]
        is_torn = len(content) == at
        assert len(lost) <= (len(written) if is_torn else 1)
        assert lost == written[len(written) - len(lost) :] or not is_torn
