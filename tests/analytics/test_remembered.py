import pytest

from analytics.remembered import MAX_COUNT, MAX_LENGTH, Remembered


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
    for number in range(3 * MAX_COUNT):
        assert remembered[str(number).encode()] == str(number)
    assert len(remembered) <= MAX_COUNT
    assert remembered[b"x" * 100_000] == "x" * 100_000
    assert all(len(piece) <= MAX_LENGTH for piece in remembered)


def test_what_cannot_be_worked_out_is_not_remembered() -> None:
    remembered = Remembered(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            remembered["x"]
    assert not remembered


def test_what_does_not_recur_is_worked_out_again() -> None:
    asked: list[str] = []

    def work_out(key: str) -> str:
        asked.append(key)
        return key

    remembered = Remembered(work_out, recurs=lambda value: value != "once")
    assert [remembered[key] for key in ("once", "often", "once", "often")] == [
        *("once", "often"),
        *("once", "often"),
    ]
    assert asked == ["once", "often", "once"]
