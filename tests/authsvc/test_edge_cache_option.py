"""The option is checked in Kong's words, and read with its defaults."""

import pytest

from authsvc.edge_cache_option import check_edge_cache, read_edge_cache
from authsvc.errors import PolicyError
from authsvc.policy import KeyAuthConfig, parse_key_auth

SECONDS = {
    "null": (None, 0),
    "a record": ({}, 2),
    "enabled": ({"enabled": True}, 2),
    "disabled": ({"enabled": False, "ttl": 30}, 0),
    "a time": ({"ttl": 60}, 60),
    "no time": ({"enabled": True, "ttl": 0}, 0),
}


@pytest.mark.parametrize("name", SECONDS)
def test_it_means_so_many_seconds(name: str) -> None:
    value, seconds = SECONDS[name]
    assert check_edge_cache(value) is None
    assert read_edge_cache(value) == seconds
    assert parse_key_auth({"edge_cache": value}).edge_cache == seconds


WRONG = {
    "a truth value": (True, "expected a record"),
    "a number": (2, "expected a record"),
    "too long": ({"ttl": 61}, {"ttl": "value should be between 0 and 60"}),
    "negative": ({"ttl": -1}, {"ttl": "value should be between 0 and 60"}),
    "half a second": ({"ttl": 0.5}, {"ttl": "expected an integer"}),
    "true for a time": ({"ttl": True}, {"ttl": "expected an integer"}),
    "null for a time": ({"ttl": None}, {"ttl": "required field missing"}),
    "several things": (
        {"enabled": "yes", "tll": 2},
        {"enabled": "expected a boolean", "tll": "unknown field"},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_by_member(name: str) -> None:
    value, problem = WRONG[name]
    assert check_edge_cache(value) == problem
    with pytest.raises(PolicyError) as error:
        parse_key_auth({"edge_cache": value})
    assert error.value.fields == {"edge_cache": problem}


def test_it_is_off_unless_asked_for() -> None:
    assert parse_key_auth({}).edge_cache == KeyAuthConfig().edge_cache == 0
