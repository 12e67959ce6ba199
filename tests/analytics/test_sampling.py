from typing import Any

import orjson
import pytest

from analytics.app_config import read_app_config
from analytics.checked_call import CheckedCall
from analytics.identify import Identity
from analytics.metrics import SkipReason
from analytics.sampling import KEPT, Draw, Sampling
from authsvc.request import Request

CALL = CheckedCall(Request(method="GET", path="/items"))
RATES = {
    "sample_rate": 50,
    "user_sample_rate": {"u": 20},
    "company_sample_rate": {"c": 10, "all": 100},
    "regex_config": [
        {"conditions": [{"path": "request.verb", "value": "GET"}], "sample_rate": 5},
        {"conditions": [{"path": "request.verb", "value": "GET"}], "sample_rate": 1},
    ],
}


def draw(
    number: float, *, user: str | None = None, company: str | None = None, **given: Any
) -> Draw:
    config, flaws = read_app_config(orjson.dumps(given))
    assert flaws == []
    return config.sampling.draw(Identity(user, company), CALL, number)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in RATES.items() if name not in names}


def test_by_default_everything_is_kept() -> None:
    assert Sampling().draw(Identity(), CALL, 99.999) == KEPT


def test_the_least_of_the_rates_that_exist_counts_and_names_the_reason() -> None:
    out = Draw(0, SkipReason.SAMPLED_REGEX)
    assert draw(5, user="u", company="c", **RATES) == out  # the first group that holds
    rates = without("regex_config")
    assert draw(10, user="u", company="c", **rates) == Draw(0, SkipReason.SAMPLED_COMPANY)
    assert draw(20, user="u", company="all", **rates) == Draw(0, SkipReason.SAMPLED_USER)
    assert draw(50, user="x", company="x", **rates) == Draw(0, SkipReason.SAMPLED_GLOBAL)


def test_a_rate_of_its_own_may_be_above_that_of_all() -> None:
    assert draw(99, company="all", **without("regex_config")) == KEPT


@pytest.mark.parametrize(
    ("rate", "weight"), [(100, 1), (60, 1), (50, 2), (30, 3), (7, 14), (1, 100), (0.1, 1000)]
)
def test_the_weight_is_how_many_events_one_stands_for(rate: float, weight: int) -> None:
    assert draw(0, sample_rate=rate) == Draw(weight)


def test_a_rate_of_zero_keeps_none_and_one_of_a_hundred_all() -> None:
    assert draw(0.0, sample_rate=0) == Draw(0, SkipReason.SAMPLED_GLOBAL)
    assert draw(99.9999999, sample_rate=100) == KEPT


def test_nobody_has_no_rate_of_its_own() -> None:
    assert draw(0, user_sample_rate={"": 0}, company_sample_rate={"": 0}) == KEPT
