from typing import Any

import orjson
import pytest

from analytics.errors import DocumentError
from analytics.rules import MAX_RULES, Flaw, Rule, RuleKind, read_rules

RULE: dict[str, Any] = {
    "_id": "R",
    "type": "regex",
    "block": True,
    "response": {"status": 403, "headers": {"X-Why": "r"}, "body": {"e": 1}},
}


def read(*rules: Any) -> tuple[list[Rule], list[Flaw]]:
    return read_rules(orjson.dumps(rules), refuses_header=lambda name: name == "refused")


def only(**changes: Any) -> Rule:
    (rule,), flaws = read(RULE | changes)
    assert flaws == []
    return rule


def test_what_is_missing_is_the_harmless_default() -> None:
    (rule,), _ = read({"_id": "N", "type": "user"})
    assert (rule.blocks, rule.is_for_others, rule.is_for_unknown) == (False, False, False)
    assert rule.gate == ()


def test_a_whole_rule_is_read() -> None:
    rule = only(type="company", applied_to="not_matching", applied_to_unidentified=True)
    assert rule.kind is RuleKind.COMPANY
    assert rule.is_for_others
    assert rule.is_for_unknown
    assert rule.answer.status == 403
    assert dict(rule.answer.headers_for({})) == {
        "x-why": "r",
        "content-type": "application/json; charset=utf-8",
    }
    assert rule.answer.body_for({}) == '{"e":1}'


BAD: dict[str, dict[str, Any]] = {
    "no id": {"_id": None},
    "an id that is no header's value": {"_id": "a\nb"},
    "an id beyond all measure": {"_id": "a" * 129},
    "an unknown type": {"type": "planet"},
    "a type that is no text": {"type": []},
    "block as text": {"block": "true"},
    "unidentified as a number": {"applied_to_unidentified": 1},
    "applied to nobody knows whom": {"applied_to": "some"},
    "conditions that make no sense": {"regex_config": [{"conditions": []}]},
    "an expression that RE2 does not know": {
        "regex_config": [{"conditions": [{"path": "request.verb", "value": "(?=x)"}]}]
    },
    "variables that are no list": {"variables": "0"},
    "no response, but blocks": {"response": None},
    "a response that is no object": {"response": "no"},
    "headers that are no object": {"response": {"status": 403, "headers": ["x"]}},
    "no status": {"response": {"body": "x"}},
    "a status that is none": {"response": {"status": 99}},
    "a status that is text": {"response": {"status": "403"}},
    "a status that is true": {"response": {"status": True}},
    "a body beyond all measure": {"response": {"status": 403, "body": "x" * 70_000}},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
def test_a_rule_that_makes_no_sense_is_ignored_alone(changes: dict[str, Any]) -> None:
    rules, flaws = read(RULE | changes, RULE | {"_id": "good"})
    assert [rule.id for rule in rules] == ["good"]
    assert len(flaws) == 1
    assert flaws[0].why.startswith("rule ignored: ")


@pytest.mark.parametrize("rule", [None, "x", 1, [], {}])
def test_what_is_no_rule_is_ignored(rule: Any) -> None:
    rules, flaws = read(rule)
    assert (rules, len(flaws)) == ([], 1)


@pytest.mark.parametrize("document", [b"", b"{}", b"null", b"<html>", b"[" * 100_000])
def test_a_document_that_is_no_list_is_refused(document: bytes) -> None:
    with pytest.raises(DocumentError):
        read_rules(document, refuses_header=lambda _name: False)


def test_rules_beyond_all_number_are_ignored() -> None:
    rules, flaws = read(*[RULE] * (MAX_RULES + 1))
    assert (len(rules), len(flaws)) == (MAX_RULES, 1)


HEADERS: dict[str, Any] = {
    "a refused name": {"Refused": "x"},
    "no name": {"": "x"},
    "a name that is none": {"a b": "x"},
    "a pseudo header": {":status": "200"},
    "a line end in the name": {"a\r\nb": "x"},
    "a line end in the value": {"x-bad": "a\r\nb: c"},
    "a value that is no text": {"x-bad": {"a": 1}},
    "a value beyond all measure": {"x-bad": "x" * 5000},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_cannot_be_sent_is_ignored_alone(headers: dict[str, Any]) -> None:
    response = {"status": 403, "headers": headers | {"x-good": 1}}
    (rule,), flaws = read(RULE | {"response": response})
    assert rule.answer.headers_for({}) == [("x-good", "1")]
    assert len(flaws) == 1


def test_a_rule_that_does_not_block_leaves_the_content_type_to_the_upstream() -> None:
    response = {"headers": {"Content-Type": "text/html"}}
    (rule,), flaws = read(RULE | {"block": False, "response": response})
    assert rule.answer.headers_for({}) == []
    assert len(flaws) == 1


def test_a_value_that_is_filled_in_cannot_end_a_header_line() -> None:
    rule = only(
        variables=[{"name": "0"}],
        response={"status": 403, "headers": {"X-A": "{{0}}", "X-B": "{{0}}{{0}}"}},
    )
    assert rule.answer.headers_for({"0": "a\r\nb"}) == [("x-a", "ab"), ("x-b", "abab")]
    assert rule.answer.headers_for({"0": "x" * 4000}) == [("x-a", "x" * 4000)]


BODIES = {
    "an object": ({"a": 1}, {}, '{"a":1}'),
    "text": ("no", {}, '"no"'),
    "text of a type of its own": ("<p>no", {"content-type": "text/html"}, "<p>no"),
    "an object of a type of its own": ([1], {"Content-Type": "text/html"}, "[1]"),
    "nothing": (None, {}, ""),
    "false": (False, {}, "false"),
}


@pytest.mark.parametrize(("body", "headers", "sent"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_json_unless_it_is_text_of_another_type(
    body: Any, headers: dict[str, str], sent: str
) -> None:
    response = {"status": 403, "headers": headers, "body": body}
    assert only(response=response).answer.body_for({}) == sent
