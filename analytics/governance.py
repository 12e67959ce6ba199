"""Whether rules block a call, and what they add to its answer: Moesif's semantics, and no I/O.

1. Rules about users apply to a known user by the cohort (``matching``, ``not_matching``), to an
   unknown one only if they say so; then the cohort plays no part.  The same goes for companies.
2. In force are, in this order, rules about users, about companies, about calls; within a kind in
   the order in which Moesif lists them.
3. The first rule in force that blocks gives status and body, and its name.  The headers of all
   rules in force are merged; of one header the first value stays.
4. Before cohorts are known no rule about users or companies is in force.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from analytics.cohorts import NO_VALUES, Cohorts
from analytics.conditions import Look, Subject
from analytics.entity_rules import EntityRules, Match
from analytics.gated import Gated
from analytics.identify import Identity
from analytics.rules import Rule, RuleKind


@dataclass(frozen=True, slots=True)
class Block:
    """An answer in the upstream's place."""

    rule: str
    status: int
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of a call.

    Attributes:
        headers: To be set in the answer, whoever gives it; names in lower case.
        block: None lets the call pass.
    """

    headers: tuple[tuple[str, str], ...] = ()
    block: Block | None = None


NOTHING = Ruling()


class Rulebook:
    """The rules of one moment.

    Attributes:
        size: So many there are.
        sizes: The same by kind.
        reads_bodies: Some of them ask for members of bodies.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        by_kind: dict[RuleKind, list[Rule]] = {kind: [] for kind in RuleKind}
        rules = tuple(rules)
        for rule in rules:
            by_kind[rule.kind].append(rule)
        self._users = EntityRules(by_kind[RuleKind.USER])
        self._companies = EntityRules(by_kind[RuleKind.COMPANY])
        self._calls = Gated((rule.gate, (rule, NO_VALUES)) for rule in by_kind[RuleKind.CALL])
        self._asks_who = bool(by_kind[RuleKind.USER] or by_kind[RuleKind.COMPANY])
        self.size = len(rules)
        self.sizes = {kind: len(listed) for kind, listed in by_kind.items()}
        self.reads_bodies = any(
            field.is_in_body for rule in rules for group in rule.gate for field, _ in group
        )

    def judge(
        self, call: Subject, identify: Callable[[], Identity], cohorts: Cohorts | None
    ) -> Ruling:
        """Return what the rules say of a call.

        Args:
            call: The call.
            identify: Returns who makes it; asked at most once, and only if a rule wants to know.
            cohorts: None: they are not known yet.
        """
        look = Look(call)
        matched: list[Match] = []
        if self._asks_who and cohorts is not None:
            identity = identify()
            matched += self._users.matching(identity.user_id, cohorts.users, look)
            matched += self._companies.matching(identity.company_id, cohorts.companies, look)
        matched += self._calls.passing(look)
        return _ruling(matched) if matched else NOTHING


def _ruling(matched: Sequence[Match]) -> Ruling:
    headers: dict[str, str] = {}
    for rule, values in matched:
        for name, value in rule.answer.headers_for(values):
            headers.setdefault(name, value)
    block = next((match for match in matched if match[0].blocks), None)
    if block is None:
        return Ruling(tuple(headers.items())) if headers else NOTHING
    rule, values = block
    # The body is of this rule, so its type is as well, whatever others blocked with.
    own = dict(rule.answer.headers_for(values))
    headers.pop("content-type", None)
    if "content-type" in own:
        headers["content-type"] = own["content-type"]
    blocked = Block(rule.id, rule.answer.status, rule.answer.body_for(values))
    return Ruling(tuple(headers.items()), blocked)
