"""What looks like an id, and its one spelling."""

import pytest

from authsvc.identifier import canonical_id

ID = "abcdef01-2345-6789-abcd-ef0123456789"


@pytest.mark.parametrize(
    "text", [ID, ID.upper(), "00000000-0000-0000-0000-000000000000", "f" * 8 + ID[8:]]
)
def test_any_uuid_is_an_id_in_lower_case(text: str) -> None:
    assert canonical_id(text) == text.lower()


NO_IDS = {
    "nothing": "",
    "a name": "bob",
    "too short": ID[:-1],
    "too long": ID + "0",
    "no dashes": ID.replace("-", ""),
    "dashes elsewhere": "abcdef012-345-6789-abcd-ef0123456789",
    "braces": "{" + ID + "}",
    "a line end": ID + "\n",
    "another letter": "g" + ID[1:],
    "digits of another script": "\u0660" + ID[1:],
    "bytes": ID.encode(),
    "None": None,
}


@pytest.mark.parametrize("name", NO_IDS)
def test_nothing_else_is(name: str) -> None:
    assert canonical_id(NO_IDS[name]) is None
