import pytest
from google.protobuf.message import DecodeError

from analytics.pb.accesslog_pb2 import StructEntry, TextEntry
from analytics.pieces import Remembered, read_header, read_said, read_text


def text(name: str, value: str) -> bytes:
    return TextEntry(key=name, value=value).SerializeToString()


def test_what_is_remembered_is_not_read_again() -> None:
    seen = []

    def read(piece: bytes) -> str:
        seen.append(piece)
        return piece.decode()

    remembered = Remembered(read)
    assert [remembered[piece] for piece in (b"a", b"b", b"a")] == ["a", "b", "a"]
    assert seen == [b"a", b"b"]


def test_memory_is_bounded_in_pieces_and_in_the_length_of_each() -> None:
    remembered = Remembered(bytes.decode)
    for number in range(20_000):
        assert remembered[str(number).encode()] == str(number)
    assert len(remembered) <= 8192
    assert remembered[b"x" * 100_000] == "x" * 100_000
    assert all(len(piece) <= 512 for piece in remembered)


def test_what_cannot_be_read_is_not_remembered() -> None:
    remembered = Remembered(read_text)
    for _ in range(2):
        with pytest.raises(DecodeError):
            remembered[b"\xff"]
    assert not remembered


def test_headers_are_in_lower_case_and_pseudo_headers_are_none() -> None:
    assert read_header(text("Accept", "Text/HTML")) == ("accept", "Text/HTML")
    assert read_header(text(":path", "/?apikey=secret")) is None


def test_tags_stay_as_they_are() -> None:
    assert read_text(text("Env", "Prod")) == ("Env", "Prod")


SAID = {
    "text": ({"string_value": "u"}, "u"),
    "empty": ({"string_value": ""}, None),
    "true": ({"bool_value": True}, "true"),
    "false": ({"bool_value": False}, None),
    "a number": ({"number_value": 7}, None),
    "null": ({"null_value": 0}, None),
}


@pytest.mark.parametrize(("value", "meant"), SAID.values(), ids=SAID)
def test_what_authsvc_said_is_text_or_nothing(value: dict[str, object], meant: str | None) -> None:
    piece = StructEntry(key="name", value=value)
    assert read_said(piece.SerializeToString()) == ("name", meant)
