"""What is read off the bytes of an entry is what protobuf reads, or protobuf is asked."""

from typing import Any

import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.record import AccessRecord, Verdict
from bench.analytics.entries import entry as rich
from bench.traffic import callers
from tests.examples import examples
from tests.fakes.entry_oracle import MALFORMED, Oracle
from tests.fakes.envoy_log import entry, said, socket
from tests.fakes.log_messages import NUMBERS, TAGS, changes, rich_entry, tag_bytes
from tests.fakes.wire_messages import change, number

# It reads all examples of a test: what it remembers of one must not change what it sees in another.
ORACLE = Oracle()


def common(**members: Any) -> HTTPAccessLogEntry:
    return entry(common=members)


def request(**members: Any) -> HTTPAccessLogEntry:
    return entry(request=members)


JWT = {"metadata": {"filter_metadata": {"envoy.filters.http.jwt_authn": {"a": {"sub": 1}}}}}
USUAL = {
    "everything": rich_entry().write(),
    "the bench's": rich(7, callers()[7]).SerializeToString(),
    "little": entry().SerializeToString(),
    "nothing": b"",
    "an unusual method": request(request_method=None, request_headers={":method": "PROPFIND"}),
    "a method that nobody knows": request(request_method=None),
    "no answer": entry(response={"response_code": None}),
    "a token": common(**JWT),
    "a verdict over HTTP": common(**said(result="allow", anonymous="true")),
    "an anonymous one": common(**said(result="allow", anonymous=True)),
    "a socket in the file system": common(downstream_remote_address={"pipe": {"path": "/s"}}),
    "IPv6": common(downstream_local_address=socket("::1", 1)),
    "a password in the host": request(authority="me:secret@host"),
    "letters of elsewhere": request(user_agent="\u00e9\u4e2d\U0001f600", path="/" + "\u00e9" * 90),
    "a request that goes on": common(access_log_type="DownstreamStart"),
    "the same said otherwise": common(intermediate_log_entry=True),
    "a long path": request(path="/" * 20_000),
    "a gRPC call": entry(response={"response_trailers": {"grpc-status": "5"}}),
}


@pytest.mark.parametrize("built", USUAL.values(), ids=USUAL)
def test_what_envoy_writes_is_read_without_protobuf(built: HTTPAccessLogEntry | bytes) -> None:
    oracle = Oracle()
    outcome = oracle.read(built if isinstance(built, bytes) else built.SerializeToString())

    assert outcome != MALFORMED
    assert oracle.protobuf.asked == 0


def test_an_entry_says_what_it_says() -> None:
    record = ORACLE.read(rich_entry().write())

    assert isinstance(record, AccessRecord)
    assert record.verdict is not None
    assert (record.verdict.username, record.verdict.transaction_id) == ("jane", "t-1")
    assert (record.route, record.authority, record.grpc_status) == ("items", "api.test", 0)
    assert record.jwt_payloads == {"payload": {"sub": "u", "n": ["1", {"of": None}]}}
    assert list(record.request_headers)[-3:] == ["referer", "x-forwarded-for", "x-request-id"]


@settings(max_examples=examples(200))
@given(st.lists(changes, max_size=3))
def test_however_an_entry_is_written_the_same_is_read(
    changed: list[tuple[int, int, int, object]],
) -> None:
    changing = rich_entry()
    for each in changed:
        change(changing, *each)
    ORACLE.read(changing.write())
    Oracle().read(changing.write())


@given(st.data())
def test_of_what_is_damaged_the_same_is_read(data: st.DataObject) -> None:
    written = bytearray(rich_entry().write())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(written) - 1))
        added = data.draw(st.binary(max_size=2))
        written[at : at + data.draw(st.integers(0, 2))] = added
    ORACLE.read(bytes(written))


@given(st.binary(max_size=60))
def test_of_any_bytes_the_same_is_read(data: bytes) -> None:
    ORACLE.read(data)


def test_an_entry_that_ends_anywhere_is_read_alike() -> None:
    written = rich_entry().write()
    for end in range(0, len(written), 3):
        ORACLE.read(written[:end])


@pytest.mark.parametrize("field", [1, 3, 4], ids=["common", "request", "response"])
def test_any_field_of_any_kind_is_read_alike(field: int) -> None:
    """A number for a text, a packed list, a group, 65 bits, twice: whatever there is."""
    for tag in TAGS:
        for value in NUMBERS:
            for times in (1, 2):
                content = (tag_bytes(tag) + value) * times
                ORACLE.read(number(field << 3 | 2) + number(len(content)) + content)


@pytest.mark.parametrize("field", [5, 6, 23], ids=["start_time", "to last rx byte", "duration"])
def test_any_time_is_read_alike(field: int) -> None:
    seconds = [b"", *(b"\x08" + value for value in [*NUMBERS, number(2**33), number(2**33 - 1)])]
    nanos = [b"", *(b"\x10" + value for value in [*NUMBERS, number(10**9), number(10**9 - 1)])]
    for time in [*map(bytes.__add__, seconds, nanos), *seconds, *nanos, b"\x18\x01", b"\x08"]:
        content = tag_bytes(field << 3 | 2) + number(len(time)) + time
        ORACLE.read(b"\x0a" + number(len(content)) + content)


def in_parts(*parts: dict[str, Any]) -> bytes:
    """Return an entry that comes in parts; times are in the first one only."""
    once = {"start_time": None, "duration": None}
    first, *others = parts
    built = [
        entry(**first),
        *(entry(**{**each, "common": once | each["common"]}) for each in others),
    ]
    return b"".join(each.SerializeToString() for each in built)


def test_parts_that_come_twice_are_one() -> None:
    oracle = Oracle()
    record = oracle.read(
        in_parts(
            {
                "common": {"route_name": "a", "upstream_cluster": "b"} | said(username="jane"),
                "request": {"request_headers": {"x-a": "1", "x-b": "1"}},
            },
            {"common": {"route_name": "c"} | JWT, "request": {"request_headers": {"x-b": "2"}}},
        )
    )

    assert isinstance(record, AccessRecord)
    assert (record.route, record.upstream_cluster) == ("c", "b")
    assert record.verdict is not None
    assert record.jwt_payloads is not None
    assert [record.request_headers[name] for name in ("x-a", "x-b")] == ["1", "2"]
    assert oracle.protobuf.asked == 0


def test_of_two_verdicts_the_last_counts() -> None:
    oracle = Oracle()
    two = (said(route="a", service="b", username="jane"), said(consumer_id="c"))
    record = oracle.read(in_parts(*({"common": each} for each in two)))

    assert isinstance(record, AccessRecord)
    assert (record.route, record.service) == (None, None)
    assert record.verdict == Verdict(consumer_id="c")
    assert oracle.protobuf.asked == 0


def test_damage_in_one_of_two_payloads_is_seen() -> None:
    sound = in_parts({"common": JWT}, {"common": JWT})
    first, last = sound.index(b"sub"), sound.rindex(b"sub")

    assert isinstance(ORACLE.read(sound), AccessRecord)
    for at in (first, last):
        assert ORACLE.read(sound[:at] + b"\xff\xff\xff" + sound[at + 3 :]) == MALFORMED


def test_a_time_in_two_parts_is_one() -> None:
    parts = [
        entry(common={"duration": duration}).SerializeToString()
        for duration in ("1s", "0.000000005s")
    ]
    record = ORACLE.read(b"".join(parts))

    assert isinstance(record, AccessRecord)
    assert record.duration == 1_000_000_005
