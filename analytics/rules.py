"""Governance rules, read from what ``GET /v1/rules`` answers and compiled once.

A rule that cannot be understood is left out, alone, and said so: governance fails open.  One with
a wrong condition is left out whole, since without the condition it would reach further than it
was meant to.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from analytics.conditions import Fields, Gate
from analytics.errors import DocumentError, PatternError
from analytics.rule_answer import RuleAnswer, read_answer

MAX_RULES = 1000
_MAX_ID = 128  # characters

RefusesHeader = Callable[[str], bool]


class RuleKind(StrEnum):
    """Whom a rule is about."""

    USER = "user"
    COMPANY = "company"
    CALL = "regex"  # any call whose conditions hold, whoever makes it


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: Moesif's id of it.
        kind: Whom it is about.
        is_for_others: It applies to those who are not in its cohort.
        is_for_unknown: It applies to calls whose user, or company, nobody knows.
        gate: What must hold of the call.
        blocks: It answers in the upstream's place; otherwise it only adds headers.
        answer: What it answers, or adds.
    """

    id: str
    kind: RuleKind
    is_for_others: bool
    is_for_unknown: bool
    gate: Gate
    blocks: bool
    answer: RuleAnswer


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a part of a document, and which: neither is a secret."""

    where: str
    why: str


def read_rules(document: bytes, *, refuses_header: RefusesHeader) -> tuple[list[Rule], list[Flaw]]:
    """Return the rules of an answer, in its order, and what is left out of it.

    Args:
        document: The body.
        refuses_header: Tells which headers, by name in lower case, no rule may set.

    Raises:
        DocumentError: It is no list.
    """
    try:
        raw = orjson.loads(document)
    except orjson.JSONDecodeError:
        raise DocumentError("the rules are no JSON") from None
    if not isinstance(raw, list):
        raise DocumentError("the rules are no list")
    fields = Fields()
    rules: list[Rule] = []
    flaws = [Flaw("rules", "too many; the rest is ignored")] if len(raw) > MAX_RULES else []
    for position, each in enumerate(raw[:MAX_RULES]):
        try:
            rule, own_flaws = _read_rule(each, fields, refuses_header)
        except (DocumentError, PatternError) as problem:
            flaws.append(Flaw(_name(each, position), f"rule ignored: {problem}"))
        else:
            rules.append(rule)
            flaws += [Flaw(rule.id, why) for why in own_flaws]
    fields.join()
    return rules, flaws


def _read_rule(
    raw: object, fields: Fields, refuses_header: RefusesHeader
) -> tuple[Rule, Iterable[str]]:
    if not isinstance(raw, dict):
        raise DocumentError("expected an object")
    blocks = _flag(raw, "block")
    answer, flaws = read_answer(
        raw.get("response"),
        variables=_variables(raw.get("variables")),
        blocks=blocks,
        refuses_header=refuses_header,
    )
    rule = Rule(
        id=_id(raw),
        kind=_kind(raw.get("type")),
        is_for_others=_is_for_others(raw.get("applied_to")),
        is_for_unknown=_flag(raw, "applied_to_unidentified"),
        gate=fields.gate(raw.get("regex_config")),
        blocks=blocks,
        answer=answer,
    )
    return rule, flaws


def _id(raw: Mapping[str, Any]) -> str:
    # It becomes a header in ext_authz's HTTP mode, and a member of every event it blocks.
    rule_id = raw.get("_id")
    if not isinstance(rule_id, str) or not 0 < len(rule_id) <= _MAX_ID:
        raise DocumentError("it has no id")
    if not (rule_id.isascii() and rule_id.isprintable()) or rule_id != rule_id.strip():
        raise DocumentError("its id is not printable")
    return rule_id


def _kind(value: object) -> RuleKind:
    try:
        return RuleKind(str(value))
    except ValueError:
        raise DocumentError("its type is unknown") from None


def _is_for_others(value: object) -> bool:
    if value not in (None, "matching", "not_matching"):
        raise DocumentError("applied_to is neither matching nor not_matching")
    return value == "not_matching"


def _flag(raw: Mapping[str, Any], name: str) -> bool:
    value = raw.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise DocumentError(f"{name} is not a boolean")
    return value


def _variables(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise DocumentError("variables are no list")
    names = [each.get("name") for each in value if isinstance(each, dict)]
    return frozenset(str(name) for name in names if isinstance(name, str | int))


def _name(raw: object, position: int) -> str:
    named = raw.get("_id") if isinstance(raw, dict) else None
    if isinstance(named, str) and named.isprintable():
        return named[:_MAX_ID]
    return f"number {position + 1}"
