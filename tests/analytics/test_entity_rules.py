from typing import Any

import orjson
import pytest

from analytics.checked_call import CheckedCall
from analytics.cohorts import Memberships
from analytics.conditions import Look
from analytics.entity_rules import EntityRules
from analytics.rules import read_rules
from authsvc.request import Request

ON_GET = [{"conditions": [{"path": "request.verb", "value": "^GET$"}]}]
RULES: list[dict[str, Any]] = [
    {"_id": "members"},
    {"_id": "others", "applied_to": "not_matching"},
    {"_id": "members on GET", "regex_config": ON_GET},
    {"_id": "others on GET", "applied_to": "not_matching", "regex_config": ON_GET},
    {"_id": "unknown", "applied_to_unidentified": True},
    {"_id": "unknown on GET", "applied_to_unidentified": True, "regex_config": ON_GET},
    {"_id": "members"},  # once more
]
EVERY: Memberships = {rule["_id"]: {"0": "v"} for rule in RULES}


def matching(entity: str | None, mine: Memberships, method: str = "GET") -> list[str]:
    raw = orjson.dumps([{"type": "user"} | rule for rule in RULES])
    rules, flaws = read_rules(raw, refuses_header=lambda _name: False)
    assert flaws == []
    look = Look(CheckedCall(Request(method=method, path="/")))
    found = EntityRules(rules).matching(entity, {"u": mine} if mine else {}, look)
    assert all(values == mine.get(rule.id, {}) for rule, values in found)
    return [rule.id for rule, _ in found]


CASES: dict[str, tuple[str | None, Memberships, str, list[str]]] = {
    "nobody knows who": (None, {}, "GET", ["unknown", "unknown on GET"]),
    "nobody knows who, another method": (None, {}, "PUT", ["unknown"]),
    "in no cohort": ("u", {}, "GET", ["others", "others on GET"]),
    "in no cohort, another method": ("u", {}, "PUT", ["others"]),
    "in one cohort": ("u", {"members": {}}, "PUT", ["members", "others", "members"]),
    "in the cohort of a rule for others": ("u", {"others": {}}, "GET", ["others on GET"]),
    "in every cohort": (
        "u",
        EVERY,
        "GET",
        ["members", "members on GET", "unknown", "unknown on GET", "members"],
    ),
    "in a cohort of no rule": ("u", {"gone": {}}, "PUT", ["others"]),
}


@pytest.mark.parametrize(("entity", "mine", "method", "expected"), CASES.values(), ids=CASES)
def test_rules_apply_by_the_cohort_in_their_order(
    entity: str | None, mine: Memberships, method: str, expected: list[str]
) -> None:
    assert matching(entity, mine, method) == expected


def test_other_cohorts_count_at_once() -> None:
    raw = orjson.dumps([{"_id": "members", "type": "user"}])
    rules, _ = read_rules(raw, refuses_header=lambda _name: False)
    made, look = EntityRules(rules), Look(CheckedCall(Request(method="GET", path="/")))
    for mine in ({"members": {}}, {"others": {}}, {"members": {}}):
        found = made.matching("u", {"u": mine}, look)
        assert [rule.id for rule, _ in found] == [each for each in mine if each == "members"]
