"""Rules about users, or those about companies: which of them apply to one, by the cohorts."""

from collections.abc import Iterable, Mapping, Sequence

from analytics.cohorts import NO_VALUES, Memberships, Values
from analytics.conditions import Look
from analytics.gated import Gated
from analytics.rules import Rule

Match = tuple[Rule, Values]
_Place = tuple[int, Rule]  # where among the rules it stands
_MOST_REMEMBERED = 10_000  # users, or companies


class EntityRules:
    """The rules of one kind, in their order, sorted by whom they may apply to."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        places = tuple(enumerate(rules))
        # Those without conditions are found by who calls alone, and the others by their conditions
        # first, since that seldom leaves any.
        self._open = [place for place in places if not place[1].gate]
        self._gated = Gated((place[1].gate, place) for place in places if place[1].gate)
        self._known: dict[str, tuple[Memberships, Sequence[_Place]]] = {}
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
        places = self._open_to(entity, mine)
        if gated := self._gated.passing(look):
            places = sorted([*places, *_meant(gated, mine)], key=_position)
        if not places:
            return ()
        return [(rule, mine.get(rule.id, NO_VALUES)) for _, rule in places]

    def _open_to(self, entity: str, mine: Memberships) -> Sequence[_Place]:
        """Return the rules without conditions that apply to who is in these cohorts."""
        known = self._known.get(entity)
        if known is not None and known[0] is mine:  # as long as the configuration is the same one
            return known[1]
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        found = _meant(self._open, mine)
        self._known[entity] = mine, found
        return found


def _meant(places: Iterable[_Place], mine: Memberships) -> list[_Place]:
    return [place for place in places if (place[1].id in mine) != place[1].is_for_others]


def _matches(rules: Iterable[Rule]) -> Gated[Match]:
    return Gated((rule.gate, (rule, NO_VALUES)) for rule in rules)


def _position(place: _Place) -> int:
    return place[0]
