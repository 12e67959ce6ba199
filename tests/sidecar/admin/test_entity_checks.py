"""Rules across fields."""

import pytest

from sidecar.admin.entity_checks import AtLeastOneOf, ExactlyOneOf, MustBeNull

NAMES = AtLeastOneOf(("custom_id", "username"))
RULE = ExactlyOneOf(("config.allow", "config.deny"))
NO_PATH = MustBeNull(name="path", where="protocol", is_one_of=frozenset({"grpc"}))


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_null_and_empty_are_no_value(empty: object) -> None:
    reasons = NAMES({"username": empty}, False)
    text = "at least one of these fields must be non-empty: 'custom_id', 'username'"
    assert reasons == {"@entity": [text]}


def test_an_update_says_that_it_is_one() -> None:
    assert NAMES({}, True)["@entity"][0].startswith("when updating, at least one")


def test_a_value_of_the_wrong_kind_is_a_value() -> None:
    assert not NAMES({"username": 5}, False)


@pytest.mark.parametrize("config", [None, {}, {"allow": ["a"], "deny": ["b"]}, "x"])
def test_exactly_one_means_neither_none_nor_both(config: object) -> None:
    text = "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'"
    assert RULE({"config": config}, False) == {"@entity": [text]}


def test_exactly_one_is_content_with_one() -> None:
    assert not RULE({"config": {"allow": ["a"], "deny": []}}, False)


def test_a_field_that_must_be_null_is_named_with_its_condition() -> None:
    assert NO_PATH({"protocol": "grpc", "path": "/"}, False) == {
        "path": "value must be null",
        "@entity": ["failed conditional validation given value of field 'protocol'"],
    }
    assert not NO_PATH({"protocol": "http", "path": "/"}, False)
    assert not NO_PATH({"protocol": ["grpc"], "path": "/"}, False)
