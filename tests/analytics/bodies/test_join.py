"""Bodies and entries find each other, or go their ways."""

import itertools

import pytest

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.join import BODY_SECONDS, ENTRY_SECONDS, MAX_ENTRIES, MAX_STREAMS, BodyJoin
from analytics.bodies.metrics import BodyOutcome
from analytics.bodies.recording import MAX_PASSED_OVER, Limits
from analytics.record import AccessRecord, Sender
from tests.fakes.body_counts import BodyCounts
from tests.fakes.body_messages import (
    ENTRY,
    ID,
    STARTED,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from tests.fakes.records import record

SENDER = Sender(node="envoy")
REQUEST = [request_headers({"content-type": "a/b"}), request_body(b"question")]
RESPONSE = [response_headers({"content-encoding": "gzip"}), response_body(b"answer")]
WHOLE = [*REQUEST, *RESPONSE]


class Table:
    """A join with a clock, and what came back from it."""

    def __init__(self, *, max_held: int = 1_000_000) -> None:
        self.time = 0.0
        self.counts = BodyCounts()
        self.released: list[tuple[AccessRecord, Bodies]] = []
        self.join = BodyJoin(
            release=lambda record, _sender, bodies: self.released.append((record, bodies)),
            metrics=self.counts,
            now=lambda: self.time,
            max_held=max_held,
        )
        self.join.configure(Limits(request=100, response=100))

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.join._tick()

    def stream(self, *messages: bytes, ends: bool = True) -> list[bool]:
        """Send messages on a stream of their own until no more is wanted; return the wishes."""
        stream = self.join.open_stream()
        wishes = []
        for message in messages:
            wishes.append(stream.accept(message))
            if not wishes[-1]:
                break
        if ends:
            stream.close()
        return wishes

    def offer(self, entry: AccessRecord = ENTRY) -> Bodies | None:
        return self.join.offer(entry, SENDER)


@pytest.fixture
async def table() -> Table:
    return Table()


def data(bodies: Bodies | None) -> tuple[bytes | None, bytes | None]:
    assert bodies is not None
    request, response = bodies.request, bodies.response
    return request and request.data, response and response.data


async def test_an_entry_gets_the_bodies_that_came_before_it(table: Table) -> None:
    assert table.stream(*WHOLE) == [True, True, True, False]
    bodies = table.offer()
    assert data(bodies) == (b"question", b"answer")
    assert bodies is not None
    assert bodies.request is not None
    assert bodies.response is not None
    assert (bodies.request.content_type, bodies.request.content_encoding) == ("a/b", "")
    assert (bodies.response.content_type, bodies.response.content_encoding) == ("", "gzip")
    assert table.counts.size == 0


async def test_an_entry_waits_for_bodies_that_come_after_it(table: Table) -> None:
    stream = table.join.open_stream()
    assert table.offer() is None
    for message in WHOLE:
        stream.accept(message)
    assert table.released == []
    stream.close()
    ((entry, bodies),) = table.released
    assert entry is ENTRY
    assert data(bodies) == (b"question", b"answer")
    assert table.counts.waited_in_vain == 0


async def test_an_entry_goes_on_without_bodies_that_never_come(table: Table) -> None:
    table.stream(*[request_headers(request_id="another"), *WHOLE[1:]])
    assert table.offer() is None
    table.pass_time(ENTRY_SECONDS - 0.1)
    assert table.released == []
    table.pass_time(0.1)
    assert table.released == [(ENTRY, NO_BODIES)]
    assert table.counts.waited_in_vain == 1


async def test_an_entry_takes_what_is_whole_of_a_stream_that_does_not_end(table: Table) -> None:
    table.stream(*REQUEST, response_headers(), response_body(b"ans", ends=False), ends=False)
    assert table.offer() is None
    table.pass_time(ENTRY_SECONDS)
    ((_, bodies),) = table.released
    assert data(bodies) == (b"question", None)


async def test_nothing_is_set_aside_while_no_bodies_come(table: Table) -> None:
    assert table.offer() is NO_BODIES
    table.stream(*WHOLE)
    table.offer()
    table.time += 61
    assert table.offer() is NO_BODIES


async def test_bodies_without_an_entry_are_dropped_and_counted(table: Table) -> None:
    table.stream(*WHOLE)
    table.pass_time(BODY_SECONDS)
    assert table.counts.outcomes == {BodyOutcome.NO_ENTRY: 2}
    assert table.counts.size == 0
    assert table.offer() is None


async def test_a_body_in_parts_is_one_and_trailers_end_it(table: Table) -> None:
    parts = [request_body(b"one", ends=False), request_body(b"two", ends=False), request_body(b"")]
    answer = [response_headers(), response_body(b"answer", ends=False), response_trailers()]
    assert table.stream(request_headers(), *parts, *answer)[-2:] == [True, False]
    assert data(table.offer()) == (b"onetwo", b"answer")


async def test_a_refused_request_has_only_a_response(table: Table) -> None:
    table.stream(*RESPONSE)
    assert data(table.offer()) == (None, b"answer")


async def test_headers_alone_are_no_body(table: Table) -> None:
    assert table.stream(request_headers(ends=True), response_headers(ends=True))[-1] is False
    assert table.offer() == NO_BODIES


TOO_LARGE = {
    "by its length": [request_headers({"content-length": "101"})],
    "by what came": [
        request_headers(),
        request_body(b"x" * 60, ends=False),
        request_body(b"x" * 60),
    ],
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_a_large_request_is_let_go_of_and_its_response_is_not(
    table: Table, name: str
) -> None:
    table.stream(*TOO_LARGE[name], *RESPONSE)
    assert table.counts.outcomes == {BodyOutcome.TOO_LARGE: 1}
    assert data(table.offer()) == (None, b"answer")


async def test_an_upload_is_not_read_for_ever_for_its_response(table: Table) -> None:
    chunk = request_body(b"x" * 65536, ends=False)
    wishes = table.stream(request_headers(), *[chunk] * 1000)
    assert wishes[-1] is False
    assert MAX_PASSED_OVER < len(wishes) * 65536 < 2 * MAX_PASSED_OVER


async def test_a_large_response_ends_the_stream(table: Table) -> None:
    wishes = table.stream(*REQUEST, response_headers(), response_body(b"x" * 101, ends=False))
    assert wishes[-1] is False
    assert data(table.offer()) == (b"question", None)


async def test_a_body_of_exactly_the_limit_is_kept(table: Table) -> None:
    table.stream(request_headers({"content-length": "100"}), request_body(b"x" * 100), *RESPONSE)
    assert data(table.offer())[0] == b"x" * 100


async def test_a_cut_body_is_never_shown(table: Table) -> None:
    table.stream(*REQUEST, response_headers(), response_body(b"ans", ends=False))
    assert table.counts.outcomes == {BodyOutcome.CUT_OFF: 1}
    assert data(table.offer()) == (b"question", None)


async def test_unwanted_sides_are_not_kept(table: Table) -> None:
    table.join.configure(Limits(request=0, response=100))
    table.stream(*WHOLE)
    assert data(table.offer()) == (None, b"answer")


async def test_where_nothing_is_wanted_streams_end_and_entries_go_on(table: Table) -> None:
    table.join.configure(Limits())
    assert table.stream(*WHOLE) == [False]
    assert table.offer() == NO_BODIES


NOT_ITS_OWN = {
    "another time": record(started=STARTED + 1000, request_id=ID),
    "another id": record(started=STARTED, request_id="another"),
}


@pytest.mark.parametrize("name", NOT_ITS_OWN)
async def test_an_id_that_another_request_uses_too_gets_no_body_of_it(
    table: Table, name: str
) -> None:
    table.stream(*WHOLE)
    assert table.offer(NOT_ITS_OWN[name]) is None
    table.pass_time(ENTRY_SECONDS)
    assert table.released == [(NOT_ITS_OWN[name], NO_BODIES)]
    assert data(table.offer()) == (b"question", b"answer")


async def test_of_two_streams_about_one_request_neither_is_believed(table: Table) -> None:
    table.stream(*WHOLE)
    assert table.stream(request_headers(), request_body(b"forged"), *RESPONSE) == [False]
    assert table.counts.outcomes == {BodyOutcome.AMBIGUOUS: 2}
    assert table.offer() == NO_BODIES


async def test_a_request_without_an_id_gets_no_bodies(table: Table) -> None:
    table.stream(*WHOLE)
    assert table.offer(record(started=STARTED)) is NO_BODIES


async def test_without_a_time_the_id_has_to_do(table: Table) -> None:
    table.stream(request_headers(time=None), *WHOLE[1:2], response_headers(), *WHOLE[3:])
    assert data(table.offer()) == (b"question", b"answer")
    stream = table.join.open_stream()
    assert table.offer() is None
    for message in (request_headers({"x-request-id": ID}, request_id=None, time=None), *WHOLE[1:]):
        stream.accept(message)
    stream.close()
    assert data(table.released[0][1]) == (b"question", b"answer")


USELESS = {
    "no message": b"\xff",
    "nothing": b"",
    "one that expects an answer": request_headers(observed=False),
    "one that names no request": request_headers(request_id=None),
    "a response that names one itself": response_headers({"x-request-id": ID}, request_id=None),
}


@pytest.mark.parametrize("name", USELESS)
async def test_a_stream_that_says_nothing_useful_is_ended(table: Table, name: str) -> None:
    assert table.stream(USELESS[name], *RESPONSE) == [False]
    assert table.counts.outcomes == {BodyOutcome.UNREADABLE: 1}


async def test_what_there_is_no_room_for_is_left_out() -> None:
    table = Table(max_held=150)
    ids = map(str, itertools.count())
    for _ in range(3):
        table.stream(request_headers(request_id=next(ids)), request_body(b"x" * 70), *RESPONSE)
    assert table.counts.outcomes[BodyOutcome.NO_ROOM] > 0
    assert table.counts.size <= 150
    table.pass_time(BODY_SECONDS)
    table.stream(*WHOLE)
    assert data(table.offer()) == (b"question", b"answer")


async def test_there_are_only_so_many_streams(table: Table) -> None:
    streams = [table.join.open_stream() for _ in range(MAX_STREAMS)]
    assert table.stream(*WHOLE) == [False]
    assert table.counts.outcomes == {BodyOutcome.NO_ROOM: 1}
    for stream in streams:
        stream.close()
    assert table.stream(*WHOLE)[0] is True


async def test_only_so_many_entries_wait_and_the_oldest_goes_on(table: Table) -> None:
    table.stream(*WHOLE)
    entries = [record(started=n * 1000, request_id=str(n)) for n in range(MAX_ENTRIES + 2)]
    for entry in entries:
        assert table.offer(entry) is None
    assert [entry for entry, _ in table.released] == entries[:2]


async def test_entries_that_look_the_same_all_come_back(table: Table) -> None:
    table.stream(*WHOLE, ends=False)
    assert table.offer() is None
    assert table.offer() is None
    table.join.stop()
    assert len(table.released) == 2


async def test_stopping_gives_everything_back_with_what_is_there(table: Table) -> None:
    table.stream(*REQUEST, ends=False)
    assert table.offer() is None
    table.join.stop()
    ((_, bodies),) = table.released
    assert data(bodies) == (b"question", None)
    assert table.offer() is NO_BODIES
