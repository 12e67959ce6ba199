import uuid

from authsvc.request import Request
from authsvc.transaction_id import TransactionIds

GIVEN = "B8E1C1C2-1111-4a2b-9c3d-000000000001"


def request(*values: bytes) -> Request:
    headers = tuple(("x-moesif-transaction-id", value) for value in values)
    return Request(method="GET", path="/", headers=headers)


def test_ids_are_random_uuids_and_never_the_same() -> None:
    ids = TransactionIds()
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == len(made)
    for one in made:
        parsed = uuid.UUID(one)
        assert str(parsed) == one
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)


def test_the_random_bytes_are_all_in_the_id() -> None:
    ids = TransactionIds(random=bytes)
    assert ids.new() == "00000000-0000-4000-8000-000000000000"
    ids = TransactionIds(random=lambda size: b"\xff" * size)
    assert ids.new() == "ffffffff-ffff-4fff-bfff-ffffffffffff"


def test_the_systems_randomness_is_asked_for_once_for_many_ids() -> None:
    asked = []

    def random(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    ids = TransactionIds(random=random)
    for _ in range(100):
        ids.new()
    assert len(asked) == 1


def test_the_clients_own_id_is_kept_in_lower_case() -> None:
    assert TransactionIds().of(request(GIVEN.encode())) == GIVEN.lower()
    assert TransactionIds().of(request(GIVEN.encode(), b"another")) == GIVEN.lower()


def test_what_is_no_uuid_is_not_taken_over() -> None:
    for value in (b"", b"mine", GIVEN.encode() + b"\n", b"\xff" * 36, GIVEN.encode() + b",x"):
        made = TransactionIds().of(request(value))
        assert uuid.UUID(made).version == 4
        assert made.encode() not in value.lower()
