from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.app_config import read_app_config
from analytics.checked_call import CheckedCall
from analytics.cohorts import Cohorts
from analytics.governance import NOTHING, Rulebook, Ruling
from analytics.identify import Identity
from analytics.rules import read_rules
from authsvc.request import Request
from tests.examples import examples
from tests.fakes.plain_rules import in_force

CALL = CheckedCall(Request(method="GET", path="/items"))


def rule(rule_id: str, kind: str = "regex", **changes: Any) -> dict[str, Any]:
    response = {"status": 403, "body": {"by": rule_id}}
    return {"_id": rule_id, "type": kind, "block": True, "response": response} | changes


def judge(
    *rules: dict[str, Any],
    user: str | None = None,
    company: str | None = None,
    cohorts: Cohorts | None = Cohorts(),  # noqa: B008 - frozen, and empty
) -> Ruling:
    compiled, flaws = read_rules(orjson.dumps(rules), refuses_header=lambda _name: False)
    assert flaws == []
    return Rulebook(compiled).judge(CALL, lambda: Identity(user, company), cohorts)


def blocked_by(ruling: Ruling) -> str | None:
    return ruling.block.rule if ruling.block else None


def test_without_rules_nothing_is_said() -> None:
    assert judge() is NOTHING


def test_a_rule_that_neither_blocks_nor_adds_a_header_says_nothing() -> None:
    assert judge(rule("R", block=False, response=None)) is NOTHING


@pytest.mark.parametrize("kind", ["user", "company"])
def test_no_cohort_rule_is_in_force_before_cohorts_are_known(kind: str) -> None:
    others = rule("O", kind, applied_to="not_matching", applied_to_unidentified=True)
    assert blocked_by(judge(others, user="u", company="c")) == "O"
    assert judge(others, user="u", company="c", cohorts=None) is NOTHING
    assert judge(others, cohorts=None) is NOTHING


def test_rules_about_calls_are_in_force_without_cohorts() -> None:
    assert blocked_by(judge(rule("R"), cohorts=None)) == "R"


def test_who_calls_is_asked_only_if_a_rule_wants_to_know() -> None:
    def never() -> Identity:
        raise AssertionError

    compiled, _ = read_rules(orjson.dumps([rule("R")]), refuses_header=lambda _name: False)
    assert blocked_by(Rulebook(compiled).judge(CALL, never, Cohorts())) == "R"


COHORTS = Cohorts(users={"u": {"U": {"0": "7"}}}, companies={"c": {"C": {}}})


def test_the_first_of_several_rules_that_block_answers() -> None:
    order = [rule("R1"), rule("C", "company"), rule("U", "user"), rule("R2")]
    assert blocked_by(judge(*order, user="u", company="c", cohorts=COHORTS)) == "U"
    assert blocked_by(judge(*order, user="x", company="c", cohorts=COHORTS)) == "C"
    assert blocked_by(judge(*order, user="x", company="x", cohorts=COHORTS)) == "R1"


def test_an_unknown_user_is_in_no_cohort_and_outside_of_none() -> None:
    others = rule("O", "user", applied_to="not_matching")
    assert judge(others) is NOTHING
    assert blocked_by(judge(others | {"applied_to_unidentified": True})) == "O"
    # For a user who is known, that a rule is also for unknown ones changes nothing.
    assert judge(rule("X", "user", applied_to_unidentified=True), user="u") is NOTHING


def test_headers_of_all_rules_in_force_are_merged_and_the_first_value_stays() -> None:
    def warns(rule_id: str, kind: str, headers: dict[str, str]) -> dict[str, Any]:
        return rule(rule_id, kind, block=False, response={"headers": headers})

    ruling = judge(
        warns("R", "regex", {"X-A": "regex", "X-R": "1"}),
        warns("U", "user", {"x-a": "user"}),
        user="u",
        cohorts=COHORTS,
    )
    assert ruling == Ruling((("x-a", "user"), ("x-r", "1")))


def test_the_content_type_is_that_of_the_rule_that_answers() -> None:
    html = {"status": 403, "headers": {"content-type": "text/html"}, "body": "<p>"}
    empty = {"status": 403}
    ruling = judge(rule("A", response=empty), rule("B", response=html))
    assert ruling.headers == ()
    assert ruling.block
    assert ruling.block.body == ""


def test_values_of_the_cohort_are_filled_in() -> None:
    response = {"status": 429, "headers": {"X-Limit": "{{0}}"}, "body": {"m": "{{0}} {{1}}"}}
    limited = rule("U", "user", variables=[{"name": "0"}, {"name": "1"}], response=response)
    ruling = judge(limited, user="u", cohorts=COHORTS)
    assert ruling.block
    assert ruling.block.body == '{"m":"7 UNKNOWN"}'
    assert ("x-limit", "7") in ruling.headers


def test_no_repr_shows_a_body() -> None:
    response = {"status": 403, "body": "canary"}
    assert "canary" not in repr(judge(rule("R", response=response)))


# What follows is few enough in kind that conditions hold, and fail, in all combinations.
_EXPRESSIONS = {
    "request.verb": ["^GET$", "^(?:POST|PUT)$", "P"],
    "request.route": ["^/v1/", "^/v[12]/items", "items$", ""],
    "request.uri": ["q=1", r"^http://api\.example\.com/"],
    "request.ip": [r"^203\.", "7$"],
    "request.headers.x-plan": ["^free$", "pro", ","],
    "request.headers.x-none": ["", "x"],
}
_CONDITIONS = [
    {"path": path, "value": value} for path, values in _EXPRESSIONS.items() for value in values
]
_ENTITIES = ("a", "b", "c", None)
_IDS = ("R1", "R2", "R3")  # an id may come twice
_GROUPS = st.fixed_dictionaries(
    {"conditions": st.lists(st.sampled_from(_CONDITIONS), min_size=1, max_size=3)}
)
_RULES = st.lists(
    st.fixed_dictionaries(
        {"_id": st.sampled_from(_IDS), "type": st.sampled_from(["user", "company", "regex"])},
        optional={
            "applied_to": st.sampled_from(["matching", "not_matching"]),
            "applied_to_unidentified": st.booleans(),
            "regex_config": st.lists(_GROUPS, max_size=3),
        },
    ),
    max_size=12,
)
_COHORT = st.lists(st.sampled_from(_IDS), unique=True).map(
    lambda ids: [{"rules": each} for each in ids]
)
_COHORTS = st.fixed_dictionaries(dict.fromkeys(("a", "b"), _COHORT))
_CONFIGS = st.none() | st.fixed_dictionaries(
    {"user_rules": _COHORTS, "company_rules": _COHORTS},
)
_REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "PATCH"]),
    path=st.sampled_from(["/v1/items", "/v2/items?q=1", "/v1/x?items", "/"]),
    headers=st.sampled_from(
        [(), (("x-plan", b"free"),), (("x-plan", b"pro"), ("a", b"b"), ("x-plan", b"free"))]
    ),
    authority=st.sampled_from(["api.example.com", "other"]),
    client_address=st.sampled_from(["203.0.113.7", None]),
)
_CALLS = st.tuples(_REQUESTS, st.sampled_from(_ENTITIES), st.sampled_from(_ENTITIES))


@given(raw=_RULES, config=_CONFIGS, calls=st.lists(_CALLS, min_size=1, max_size=6))
@settings(max_examples=examples(150), deadline=None)
def test_the_same_rules_apply_as_if_each_were_looked_at(
    raw: list[dict[str, Any]],
    config: dict[str, Any] | None,
    calls: list[tuple[Request, str | None, str | None]],
) -> None:
    rules = [
        rule | {"name": f"x-{at}", "response": {"headers": {f"x-{at}": "1"}}}
        for at, rule in enumerate(raw)
    ]
    compiled, _ = read_rules(orjson.dumps(rules), refuses_header=lambda _name: False)
    cohorts = read_app_config(orjson.dumps(config))[0].cohorts if config is not None else None
    rulebook = Rulebook(compiled)
    for request, user, company in calls:
        ruling = rulebook.judge(CheckedCall(request), partial(Identity, user, company), cohorts)
        expected = in_force(rules, config, request, user=user, company=company)
        assert [name for name, _ in ruling.headers] == expected
