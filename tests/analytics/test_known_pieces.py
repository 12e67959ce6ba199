import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.known_pieces import ROUTE, SERVICE, KnownHeaders, KnownSaid
from analytics.pb.accesslog_pb2 import StructEntry, TextEntry
from analytics.pieces import read_header, read_said
from analytics.record import Verdict
from analytics.remembered import MAX_COUNT, MAX_LENGTH
from analytics.wire import UNREAD


def header(name: str, value: str) -> bytes:
    return TextEntry(key=name, value=value).SerializeToString()


def entry(key: str, **value: object) -> bytes:
    built = StructEntry(key=key)
    built.value.SetInParent()
    for kind, said in value.items():
        setattr(built.value, kind, said)
    return built.SerializeToString()


@given(
    st.sampled_from(["Accept", "ETag", ":path", "x-\u00c9", "n" * 200]) | st.text(min_size=1),
    st.text(min_size=1) | st.just("v" * 700),
)
def test_a_header_is_what_protobuf_reads(name: str, value: str) -> None:
    known = KnownHeaders()
    for _ in range(2):
        read = known.read(header(name, value))
        found = None if read.name.is_pseudo else (read.name.text, read.value)
        assert found == read_header(header(name, value))


SAID = {
    "text": entry("username", string_value="jane"),
    "empty text": entry("username", string_value=""),
    "number": entry("user_id", number_value=7),
    "null": entry("company_id", null_value=0),
    "flag": entry("anonymous", bool_value=True),
    "no flag": entry("anonymous", bool_value=False),
    "flag as text": entry("anonymous", string_value="true"),
    "no flag as text": entry("anonymous", string_value="yes"),
    "flag as number": entry("anonymous", number_value=1),
    "text as flag": entry("username", bool_value=True),
}


@pytest.mark.parametrize("piece", SAID.values(), ids=SAID)
def test_what_is_said_is_what_protobuf_reads(piece: bytes) -> None:
    known = KnownSaid()
    for _ in range(2):
        read = known.read(piece)
        assert (Verdict.__struct_fields__[read.place], read.value) == read_said(piece)


def test_what_no_verdict_has_belongs_elsewhere() -> None:
    names = ("route", "service", "ext_authz_duration")
    places = [KnownSaid().read(entry(name, string_value="a")).place for name in names]

    assert places[:2] == [ROUTE, SERVICE]
    assert places[2] < min(ROUTE, SERVICE)


@pytest.mark.parametrize(
    "value", [b"", b"\x32\x00", b"\x20\x02", b"\x1a\x01a\x20\x01", b"\x1a\x02a", b"\x1a\x01\xff"]
)
def test_another_value_is_left_to_protobuf(value: bytes) -> None:
    piece = b"\x0a\x01k\x12" + bytes((len(value),)) + value
    for _ in range(2):
        with pytest.raises(UNREAD):
            KnownSaid().read(piece)


def test_headers_that_recur_are_remembered_and_no_others() -> None:
    known = KnownHeaders()
    for name, value, is_remembered in [
        ("Accept", "*/*", True),
        (":method", "GET", True),
        ("Cookie", "session=secret", False),
        ("x-long", "v" * MAX_LENGTH, False),
    ]:
        piece = header(name, value)
        assert (known.read(piece) is known.read(piece)) is is_remembered, name


def test_what_is_said_once_is_not_remembered() -> None:
    known = KnownSaid()
    for name, is_remembered in [("username", True), ("transaction_id", False)]:
        piece = entry(name, string_value="a")
        assert (known.read(piece) is known.read(piece)) is is_remembered, name


def test_memory_is_bounded() -> None:
    headers, said = KnownHeaders(), KnownSaid()
    first, name = header("name-0", "v"), entry("key-0", string_value="v")
    remembered = (headers.read(first), said.read(name))
    for number in range(1, MAX_COUNT + 1):
        headers.read(header(f"name-{number}", "v"))
        said.read(entry(f"key-{number}", string_value="v"))

    assert headers.read(first) is not remembered[0]
    assert said.read(name) is not remembered[1]
