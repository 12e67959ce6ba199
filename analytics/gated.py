"""Many things with conditions, of which those that hold are found without looking at the others.

Of each group of conditions one is its guard: the group is looked at only if that one holds.  So a
call for which no guard holds costs a search of the fields that the guards are on, however many
things there are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from analytics.conditions import Condition, Field, Gate, Group, Look

_LOOK_AT_A_GROUP = 0.3  # what it costs, in the unit of ``Field.cost``

T = TypeVar("T")


class Gated(Generic[T]):
    """Things with conditions, in an order that stays."""

    def __init__(self, things: Iterable[tuple[Gate, T]]) -> None:
        self._things = tuple(things)
        self._always = tuple(at for at, (gate, _) in enumerate(self._things) if not gate)
        self._without_conditions = tuple(self._things[at][1] for at in self._always)
        self._guards = _guards([gate for gate, _ in self._things])

    def passing(self, look: Look) -> Sequence[T]:
        """Return the things whose conditions hold, in their order; those without always do."""
        if not self._guards:
            return self._without_conditions
        candidates: list[int] = []
        for field, guarded in self._guards:
            for position in look.found_in(field):
                candidates += guarded.get(position, ())
        if not candidates:
            return self._without_conditions
        held = {at for at in dict.fromkeys(candidates) if look.passes(self._things[at][0])}
        return [self._things[at][1] for at in sorted(held.union(self._always))]


_Guard = tuple[Field, Mapping[int, Sequence[int]]]


def _guards(gates: Sequence[Gate]) -> tuple[_Guard, ...]:
    """Return the fields to be searched, and by what is found there, whose gates may then hold."""
    groups = [(at, group) for at, gate in enumerate(gates) for group in gate]
    choose = _GuardChoice([group for _, group in groups])
    found: dict[Field, dict[int, list[int]]] = {}
    for at, group in groups:
        field, position = choose(group)
        found.setdefault(field, {}).setdefault(position, []).append(at)
    return tuple(found.items())


class _GuardChoice:
    """Chooses conditions that seldom hold, on as few and as cheap fields as possible.

    How often one holds is not known: it is taken to be the oftener, the more groups have it.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._count = len(groups)
        self._conditions = Counter(each for group in groups for each in set(group))
        self._fields = Counter(field for group in groups for field in {each[0] for each in group})

    def __call__(self, group: Group) -> Condition:
        return min(group, key=self._cost)

    def _cost(self, condition: Condition) -> float:
        holds = self._conditions[condition] / self._count
        return _LOOK_AT_A_GROUP * holds + condition[0].cost / self._fields[condition[0]]
