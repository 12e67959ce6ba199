from typing import Any

import pytest

from analytics.errors import PatternError
from analytics.skip_rules import SkipRule, SkipRules
from tests.fakes.records import record

CASES: dict[str, tuple[list[SkipRule], dict[str, Any], bool]] = {
    "no rules": ([], {}, False),
    "a part of the path": ([SkipRule(path="/heal")], {"path": "/v1/healthz"}, True),
    "not the query": ([SkipRule(path="x=1")], {"path": "/?x=1"}, False),
    "the end of the path": ([SkipRule(path="z$")], {"path": "/healthz?x=1"}, True),
    "the path that the client asked for": (
        [SkipRule(path="^/public")],
        {"path": "/inside", "original_path": "/public"},
        True,
    ),
    "the method": ([SkipRule(method="^OPTIONS$")], {"method": "OPTIONS"}, True),
    "the status": ([SkipRule(status="^3..$")], {"status": 304}, True),
    "another status": ([SkipRule(status="^3..$")], {"status": 200}, False),
    "no status": ([SkipRule(status=".")], {"status": None}, False),
    "the user agent": (
        [SkipRule(user_agent="kube-probe")],
        {"request_headers": {"user-agent": "kube-probe/1.31"}},
        True,
    ),
    "no user agent": ([SkipRule(user_agent="^$")], {}, True),
    "all of a rule": ([SkipRule(path="^/a$", status="^200$")], {"path": "/a"}, True),
    "a part of a rule": ([SkipRule(path="^/a$", status="^404$")], {"path": "/a"}, False),
    "any rule": ([SkipRule(path="^/a$"), SkipRule(path="^/b$")], {"path": "/b"}, True),
    "a surrogate": ([SkipRule(path="x")], {"path": "/\ud800x"}, True),
}


@pytest.mark.parametrize(("rules", "members", "skipped"), CASES.values(), ids=CASES)
def test_a_request_is_skipped_if_a_rule_holds(
    rules: list[SkipRule], members: dict[str, Any], skipped: bool
) -> None:
    assert SkipRules(rules).skip(record(**members)) is skipped


def test_an_expression_that_re2_cannot_search_for_is_refused() -> None:
    with pytest.raises(PatternError):
        SkipRules([SkipRule(path=r"(a)\1")])
