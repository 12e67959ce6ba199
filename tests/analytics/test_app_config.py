from typing import Any

import orjson
import pytest

from analytics.app_config import AppConfig, read_app_config
from analytics.errors import DocumentError


def read(**config: Any) -> AppConfig:
    made, flaws = read_app_config(orjson.dumps(config))
    assert flaws == []
    return made


def test_an_empty_configuration_keeps_everything_and_has_nobody_in_a_cohort() -> None:
    assert read() == AppConfig()
    assert read().sampling.keeps_all


def test_cohorts_are_read() -> None:
    config = read(
        user_rules={"u": [{"rules": "A", "values": {"0": "x", "1": 2, "2": None}}, {"rules": "B"}]},
        company_rules={"c": [{"rules": "C", "values": {}}]},
    )
    assert config.cohorts.users == {"u": {"A": {"0": "x", "1": "2"}, "B": {}}}
    assert config.cohorts.companies == {"c": {"C": {}}}


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b"<html>", b'{"a":' * 5000])
def test_what_is_no_object_is_refused(document: bytes) -> None:
    with pytest.raises(DocumentError):
        read_app_config(document)


HOSTILE: dict[str, dict[str, Any]] = {
    "cohorts as a list": {"user_rules": ["u"]},
    "entries as an object": {"user_rules": {"u": {"rules": "A"}}},
    "an entry without a rule": {"company_rules": {"c": [{"values": {}}]}},
    "a rate as text": {"sample_rate": "50"},
    "a rate that is true": {"sample_rate": True},
    "a rate above all": {"sample_rate": 101},
    "a rate below nothing": {"user_sample_rate": {"u": -1}},
    "rates as a list": {"company_sample_rate": [1]},
    "groups as an object": {"regex_config": {"conditions": []}},
    "a group that is none": {"regex_config": [None]},
    "a group without a rate": {
        "regex_config": [{"conditions": [{"path": "request.verb", "value": "x"}]}]
    },
    "a group for everything": {"regex_config": [{"conditions": [], "sample_rate": 0}]},
    "an expression that is none": {
        "regex_config": [{"conditions": [{"path": "request.verb", "value": "("}], "sample_rate": 0}]
    },
}


@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_makes_no_sense_is_as_good_as_not_there_and_told(config: dict[str, Any]) -> None:
    good = {"user_rules": {"good": [{"rules": "A"}]}}
    made, flaws = read_app_config(orjson.dumps(good | config))
    assert made.sampling.keeps_all
    assert made.cohorts.users == ({} if "user_rules" in config else {"good": {"A": {}}})
    assert len(flaws) == 1


def test_who_is_in_a_cohort_is_not_in_a_repr() -> None:
    config = read(user_rules={"canary": [{"rules": "A"}]}, user_sample_rate={"canary": 1})
    assert "canary" not in repr(config)
