"""Rules about users, or those about companies: which of them apply to one, by the cohorts."""

from collections.abc import Iterable, Mapping, Sequence

from analytics.cohorts import NO_VALUES, Memberships, Values
from analytics.conditions import Look
from analytics.gated import Gated
from analytics.rules import Rule

Match = tuple[Rule, Values]
_Place = tuple[int, Rule]  # where among the rules it stands


class EntityRules:
    """The rules of one kind, in their order, sorted by whom they may apply to."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        places = tuple(enumerate(rules))
        # Who is in a cohort is known before anything of the call is: rules without conditions are
        # found by that alone, and the others by their conditions first.
        for_members = [place for place in places if not place[1].is_for_others]
        for_others = [place for place in places if place[1].is_for_others]
        self._members_open = _by_id(for_members)
        self._members_gated = _gated(for_members)
        self._others_open = _by_id(for_others)
        self._others_gated = _gated(for_others)
        self._for_unknown = _matches(rule for rule in rules if rule.is_for_unknown)
        self._for_strangers = _matches(rule for rule in rules if rule.is_for_others)

    def matching(
        self, entity: str | None, cohorts: Mapping[str, Memberships], look: Look
    ) -> Sequence[Match]:
        """Return the rules that apply to a call, in their order, with the values of each.

        Args:
            entity: Who calls; None: nobody knows.
            cohorts: Who is in the cohorts of which rules.
            look: The call.
        """
        if entity is None:
            return self._for_unknown.passing(look)
        mine = cohorts.get(entity)
        if not mine:
            return self._for_strangers.passing(look)
        places = [
            *self._open_to(mine),
            *(place for place in self._members_gated.passing(look) if place[1].id in mine),
            *(place for place in self._others_gated.passing(look) if place[1].id not in mine),
        ]
        return [(rule, mine.get(rule.id, NO_VALUES)) for _, rule in sorted(places, key=_position)]

    def _open_to(self, mine: Memberships) -> Iterable[_Place]:
        """Return the rules without conditions that apply to who is in these cohorts."""
        for rule in self._members_open.keys() & mine.keys():
            yield from self._members_open[rule]
        for rule in self._others_open.keys() - mine.keys():
            yield from self._others_open[rule]


def _by_id(places: Iterable[_Place]) -> Mapping[str, Sequence[_Place]]:
    """Return those without conditions by their ids, which Moesif may give twice."""
    found: dict[str, list[_Place]] = {}
    for at, rule in places:
        if not rule.gate:
            found.setdefault(rule.id, []).append((at, rule))
    return found


def _matches(rules: Iterable[Rule]) -> Gated[Match]:
    return Gated((rule.gate, (rule, NO_VALUES)) for rule in rules)


def _gated(places: Iterable[_Place]) -> Gated[_Place]:
    return Gated((place[1].gate, place) for place in places if place[1].gate)


def _position(place: _Place) -> int:
    return place[0]
