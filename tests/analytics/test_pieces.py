import pytest

from analytics.pb.accesslog_pb2 import StructEntry, TextEntry
from analytics.pieces import read_header, read_said, read_text


def text(name: str, value: str) -> bytes:
    return TextEntry(key=name, value=value).SerializeToString()


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
