import pytest
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import UInt32Value
from hypothesis import given
from hypothesis import strategies as st

from analytics.pb.accesslog_pb2 import ResponseFlags, StructEntry, TextEntry
from analytics.pieces import (
    header_recurs,
    read_flags,
    read_header,
    read_said,
    read_status,
    read_text,
    said_recurs,
)


def text(name: str, value: str) -> bytes:
    return TextEntry(key=name, value=value).SerializeToString()


def test_headers_are_in_lower_case_and_pseudo_headers_are_none() -> None:
    assert read_header(text("Accept", "Text/HTML")) == ("accept", "Text/HTML")
    assert read_header(text(":path", "/?apikey=secret")) is None


def test_tags_stay_as_they_are() -> None:
    assert read_text(text("Env", "Prod")) == ("Env", "Prod")


SAID = {
    "text": ("name", {"string_value": "u"}, "u"),
    "empty": ("name", {"string_value": ""}, None),
    "true": ("name", {"bool_value": True}, None),
    "a number": ("name", {"number_value": 7}, None),
    "null": ("name", {"null_value": 0}, None),
    "a flag": ("anonymous", {"bool_value": True}, True),
    "a flag as text": ("anonymous", {"string_value": "true"}, True),
    "no flag": ("anonymous", {"bool_value": False}, False),
    "no flag as text": ("anonymous", {"string_value": "false"}, False),
}


@pytest.mark.parametrize(("name", "value", "meant"), SAID.values(), ids=SAID)
def test_what_authsvc_said_is_text_or_a_flag_or_nothing(
    name: str, value: dict[str, object], meant: object
) -> None:
    piece = StructEntry(key=name, value=value)
    assert read_said(piece.SerializeToString()) == (name, meant)


def entry_or_none(piece: bytes) -> tuple[str, str] | None:
    """Return what protobuf reads, or None: it cannot."""
    try:
        entry = TextEntry.FromString(piece)
    except DecodeError:
        return None
    return entry.key, entry.value


@given(st.text(max_size=200), st.text(max_size=200))
def test_an_entry_of_any_length_is_read_as_it_was_written(name: str, value: str) -> None:
    assert read_text(text(name, value)) == (name, value)


PARTS = st.sampled_from(
    [b"\n", b"\x12", b"\x01", b"\x02", b"\x80", b"\x00", b"a", b"\xc3", b"\xff"]
)


@given(st.lists(PARTS, max_size=12).map(b"".join) | st.binary(max_size=8))
def test_an_entry_that_is_odd_or_broken_is_to_us_what_it_is_to_protobuf(piece: bytes) -> None:
    expected = entry_or_none(piece)
    if expected is None:
        with pytest.raises(DecodeError):
            read_text(piece)
    else:
        assert read_text(piece) == expected


def test_flags_are_the_short_names_of_those_that_are_set() -> None:
    flags = ResponseFlags(upstream_overflow=True, no_healthy_upstream=True)
    assert read_flags(flags.SerializeToString()) == ("UH", "UO")
    assert read_flags(b"") == ()


def test_no_status_and_a_status_of_zero_are_none() -> None:
    assert read_status(UInt32Value(value=404).SerializeToString()) == 404
    assert read_status(UInt32Value(value=0).SerializeToString()) is None


def test_what_is_another_for_each_request_and_credentials_are_not_worth_remembering() -> None:
    assert header_recurs(("accept", "*/*"))
    assert header_recurs(None)
    assert not header_recurs(("traceparent", "00-1-2-01"))
    assert not header_recurs(("authorization", "Bearer x"))
    assert said_recurs(("consumer_id", "c"))
    assert not said_recurs(("transaction_id", "t"))
