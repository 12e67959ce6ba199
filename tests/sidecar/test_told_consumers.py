from pathlib import Path

import pytest
from structlog.testing import capture_logs

from analytics.profiles import Profile
from sidecar.told_consumers import ToldConsumers, digest_of

ALICE, BOB = digest_of(Profile("alice")), digest_of(Profile("bob"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "moesif" / "x.consumers"


def test_what_was_told_last_counts(path: Path) -> None:
    told = ToldConsumers(path)
    assert told.load() == {}
    told.add({"1": ALICE, "2": BOB})
    told.add({"2": ALICE})
    assert ToldConsumers(path).load() == {"1": ALICE, "2": ALICE}
    told.replace({"2": BOB})
    assert ToldConsumers(path).load() == {"2": BOB}


def test_who_is_in_doubt_counts_as_not_told_until_told_again(path: Path) -> None:
    told = ToldConsumers(path)
    told.add({"1": ALICE, "2": BOB})
    told.doubt(["1"])
    assert told.load() == {"2": BOB}
    told.add({"1": ALICE})
    assert told.load() == {"1": ALICE, "2": BOB}


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    told = ToldConsumers(path)
    for write in (told.add, told.replace, told.doubt):
        write({"1": ALICE})
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("left", range(len(f"\n1 {ALICE}\n2 {BOB}")))
def test_a_line_that_is_torn_off_was_not_told(path: Path, left: int) -> None:
    told = ToldConsumers(path)
    told.add({"1": ALICE, "2": BOB})
    path.write_bytes(path.read_bytes()[:left])
    found = told.load()
    assert found.items() <= {"1": ALICE, "2": BOB}.items()
    told.add({"3": ALICE})
    assert told.load() == found | {"3": ALICE}


def test_garbage_is_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\n\n1\n2 short\n" + b"x" * 100)
    assert ToldConsumers(path).load() == {}


def test_many_changes_of_a_few_consumers_take_little(path: Path) -> None:
    told, many = ToldConsumers(path), {str(number): ALICE for number in range(40_000)}
    for _ in range(3):
        told.add({"1": BOB})
        told.add(many)
        told.doubt(["2"])
    assert told.load() == {consumer: ALICE for consumer in many if consumer != "2"}
    assert path.stat().st_size < 2.5 * len(many) * len(f"\n10000 {ALICE}")


def test_a_disk_that_does_not_work_is_told_of_once(path: Path) -> None:
    path.parent.write_text("a file where the directory should be")
    told = ToldConsumers(path)
    with capture_logs() as logs:
        told.add({"1": ALICE})
        told.replace({"1": ALICE})
        told.doubt(["1"])
        assert told.load() == {}
    assert len(logs) == 1


CHANGED = {
    "user": Profile("other", "acme", {"a": 1}),
    "company": Profile("user", "other", {"a": 1}),
    "metadata": Profile("user", "acme", {"a": 2}),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_any_change_of_a_profile_is_one(changed: Profile) -> None:
    plain = Profile("user", "acme", {"a": 1})
    assert digest_of(changed) != digest_of(plain) == digest_of(Profile("user", "acme", {"a": 1}))
