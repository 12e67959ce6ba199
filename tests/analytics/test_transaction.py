import uuid
from typing import Any

import pytest

from analytics.transaction import TransactionIds
from tests.fakes.records import record, verdict

ONE = "b8e1c1c2-1111-4a2b-9c3d-000000000001"
TWO = "b8e1c1c2-1111-4a2b-9c3d-000000000002"
THREE = "b8e1c1c2-1111-4a2b-9c3d-000000000003"
HEADER = "x-moesif-transaction-id"

SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "the verdict": (
        {
            "verdict": verdict(transaction_id=ONE),
            "request_headers": {HEADER: TWO},
            "request_id": THREE,
        },
        ONE,
    ),
    "the header": ({"request_headers": {HEADER: TWO.upper()}, "request_id": THREE}, TWO),
    "the request id": ({"request_headers": {HEADER: "no uuid"}, "request_id": THREE}, THREE),
}


@pytest.mark.parametrize(("members", "expected"), SOURCES.values(), ids=SOURCES)
def test_the_first_uuid_is_the_id(members: dict[str, Any], expected: str) -> None:
    assert TransactionIds().choose(record(**members)) == expected


@pytest.mark.parametrize("request_id", ["", "s-1", ONE.replace("-", ""), f"{ONE}\n"])
def test_without_a_uuid_there_is_a_new_one(request_id: str) -> None:
    chosen = TransactionIds().choose(record(request_id=request_id))
    assert str(uuid.UUID(chosen)) == chosen != ONE


def test_an_id_is_not_given_twice() -> None:
    ids = TransactionIds()
    given = [ids.choose(record(request_id=ONE)) for _ in range(5)]
    assert given[0] == ONE
    assert len(set(given)) == 5


def test_the_memory_is_bounded() -> None:
    ids = TransactionIds(remembered=10)
    for _ in range(100):
        ids.choose(record(request_id=str(uuid.uuid4())))
    assert len(ids._recent) + len(ids._older) <= 20
    ids.choose(record(request_id=ONE))
    for _ in range(9):
        ids.choose(record(request_id=str(uuid.uuid4())))
    assert ids.choose(record(request_id=ONE)) != ONE


NOT_A_UUID = {
    "blanks in it": "b8e1c1c2-1111-4a2b-9c3d-0000  000001",
    "hyphens too many": "b8e1c1c2-1111-4a2b-9c3d-00--00000001",
    "a hyphen elsewhere": "b8e1c1c21-111-4a2b-9c3d-000000000001",
    "other digits": "b8e1c1c2-1111-4a2b-9c3d-00000000000\u0661",
    "no digit": "b8e1c1c2-1111-4a2b-9c3d-00000000000g",
    "a brace": "{8e1c1c2-1111-4a2b-9c3d-00000000000}",
}


@pytest.mark.parametrize("request_id", NOT_A_UUID.values(), ids=NOT_A_UUID)
def test_what_only_looks_like_a_uuid_is_none(request_id: str) -> None:
    chosen = TransactionIds().choose(record(request_id=request_id))
    assert chosen != request_id
    assert str(uuid.UUID(chosen)) == chosen
