from pathlib import Path

import orjson

from analytics.dead_letters import DeadLetter, DeadLetterFile
from analytics.metrics import DropReason


def letter(text: str) -> DeadLetter:
    return DeadLetter(orjson.dumps({"t": text}), "route r", DropReason.TOO_LARGE, 413)


def test_each_letter_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "letters" / "one.ndjson"
    file = DeadLetterFile(path)
    file.append([letter("a"), letter("b\n")])
    file.append([letter("c")])
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["event"]["t"] for line in lines] == ["a", "b\n", "c"]
    assert {line["plugin"] for line in lines} == {"route r"}
    assert {(line["reason"], line["status"]) for line in lines} == {("too_large", 413)}


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    path = tmp_path / "letters" / "one.ndjson"
    DeadLetterFile(path).append([letter("a")])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_files_are_bounded_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "one.ndjson"
    file = DeadLetterFile(path, max_size=300, older_files=2)
    for number in range(20):
        file.append([letter(f"{number:050}")])
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["one.ndjson", "one.ndjson.1", "one.ndjson.2"]
    assert all(each.stat().st_size <= 300 for each in tmp_path.iterdir())
    newest = orjson.loads(path.read_bytes().splitlines()[-1])
    assert newest["event"]["t"] == f"{19:050}"
