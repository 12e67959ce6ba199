"""A secret does not show itself."""

import copy
import pickle

import pytest

from sidecar.secret import Secret

CANARY = "canary-4711"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r}".format, lambda secret: f"{[secret]}"]
)
def test_no_way_of_printing_shows_it(show: object) -> None:
    assert CANARY not in show(Secret(CANARY))


def test_it_is_revealed_to_who_asks() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_equal_secrets_are_equal_and_nothing_else_is() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY


def test_it_cannot_be_a_dict_key_or_be_pickled() -> None:
    with pytest.raises(TypeError):
        hash(Secret(CANARY))
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        copy.copy(Secret(CANARY))
