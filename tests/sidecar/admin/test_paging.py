"""Pages of a list."""

from typing import Any

import pytest

from sidecar.admin.arguments import Arguments
from sidecar.admin.paging import encode_offset, envelope, page_size, page_start
from sidecar.admin.problems import ProblemError

ID = "11111111-1111-4111-8111-111111111111"

SIZES = {"": 100, "size=7": 7, "size=1e2": 100, "size=0x10": 16, "size=1000": 1000}


@pytest.mark.parametrize(("query", "size"), SIZES.items(), ids=SIZES)
def test_sizes_are_numbers_in_any_spelling(query: str, size: int) -> None:
    assert page_size(Arguments.parse(query)) == size


NO_NUMBER = "size must be a number"
NO_SIZE = "size must be an integer between 1 and 1000"
BAD_SIZES = {
    "size=": NO_NUMBER,
    "size": NO_NUMBER,
    "size=x": NO_NUMBER,
    "size=1&size=2": NO_NUMBER,
    "size=0": NO_SIZE,
    "size=-1": NO_SIZE,
    "size=1001": NO_SIZE,
    "size=1.5": NO_SIZE,
}


@pytest.mark.parametrize(("query", "why"), BAD_SIZES.items(), ids=BAD_SIZES)
def test_impossible_sizes_are_refused(query: str, why: str) -> None:
    with pytest.raises(ProblemError) as problem:
        page_size(Arguments.parse(query))
    assert problem.value.body == {"code": 9, "name": "invalid size", "message": why}


def test_an_offset_leads_back_to_where_it_was_made() -> None:
    offset = encode_offset([ID])
    assert "=" not in offset
    assert page_start(Arguments.parse(f"offset={offset}")) == [ID]
    assert page_start(Arguments.parse("")) is None


BAD_OFFSETS = {
    "|potato|": "bad base64 encoding",
    "Zm9v": "bad json encoding",
    "": "bad json encoding",
    "WyJ4Il0": "no position",  # ["x"]
    "e30": "no position",  # {}
    "WzFd": "no position",  # [1]
    "W10": "no position",  # []
    encode_offset([ID, "more"]): "no position",
    "%FF": "bad base64 encoding",
}


@pytest.mark.parametrize(("offset", "why"), BAD_OFFSETS.items())
def test_made_up_offsets_are_refused(offset: str, why: str) -> None:
    with pytest.raises(ProblemError) as problem:
        page_start(Arguments.parse(f"offset={offset}"))
    assert problem.value.body is not None
    shown = offset.replace("%FF", "�")
    assert problem.value.body == {
        "code": 7,
        "name": "invalid offset",
        "message": f"'{shown}' is not a valid offset: {why}",
    }


def page(rows: list[str], query: str) -> dict[str, Any]:
    return envelope(
        rows,
        size=2,
        path="/things",
        arguments=Arguments.parse(query),
        show=lambda row: {"id": row},
        position=lambda row: [row],
        carried=("tags", "size"),
    )


def test_the_last_page_has_no_offset() -> None:
    assert page(["a", "b"], "size=2") == {"data": [{"id": "a"}, {"id": "b"}], "next": None}


def test_the_next_page_is_named_with_what_this_one_was_asked_for() -> None:
    answer = page(["a", "b", "c"], "size=2&tags=corp_%20a&odd=1")
    offset = encode_offset(["b"])
    assert answer["offset"] == offset
    assert answer["next"] == f"/things?offset={offset}&tags=corp_%20a&size=2"
    assert len(answer["data"]) == 2
