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
