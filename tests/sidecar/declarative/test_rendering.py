import yaml

from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.rendering import shown_entities, shown_file
from tests.fakes.declarations import a_consumer, file_of

NOW = 1_800_000_000.0
MORTAL = parse_declaration(
    file_of(consumers=[a_consumer("a", "mortal", ttl=60), a_consumer("b", "immortal")]), now=NOW
)


def keys(now: float) -> set[str]:
    shown = shown_entities(MORTAL, now=now)["keyauth_credentials"]
    told = yaml.safe_load(shown_file(MORTAL, now=now, reveal=True))["keyauth_credentials"]
    found = {each["key"] for each in shown.values()}
    assert found == {each["key"] for each in told}
    return found


def test_a_key_whose_time_is_over_is_not_shown() -> None:
    assert keys(NOW + 59) == {"mortal", "immortal"}
    assert keys(NOW + 60) == {"immortal"}


def test_a_ttl_is_what_is_left_of_it() -> None:
    shown = shown_entities(MORTAL, now=NOW + 20)["keyauth_credentials"]
    assert {each["ttl"] for each in shown.values()} == {40, None}


def test_a_kind_of_which_there_is_nothing_is_not_shown() -> None:
    assert set(shown_entities(MORTAL, now=NOW)) == {"consumers", "keyauth_credentials"}
