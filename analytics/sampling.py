"""Which events are sent, and for how many each of them stands.

The rate of an event, in percent, is the least of those that its user, its company and the first
group of conditions that holds have; where none of them has one, the rate of all.  An event is kept
if a number drawn from [0, 100) is below its rate; the weight of one that is kept is 100 divided by
the rate, rounded down.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.conditions import Fields, Gate, Look, Subject
from analytics.errors import DocumentError, PatternError
from analytics.identify import Identity
from analytics.metrics import SkipReason

ALL = 100.0


@dataclass(frozen=True, slots=True)
class Draw:
    """What became of an event: its weight, or by whose rate it is left out."""

    weight: int
    left_out_by: SkipReason | None = None


KEPT = Draw(1)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Rates in percent; by default every event is kept."""

    everyone: float = ALL
    users: Mapping[str, float] = field(default_factory=dict, repr=False)
    companies: Mapping[str, float] = field(default_factory=dict, repr=False)
    calls: Sequence[tuple[Gate, float]] = ()

    @property
    def keeps_all(self) -> bool:
        """Whether there is nothing to draw for."""
        return self.everyone >= ALL and not (self.users or self.companies or self.calls)

    def draw(self, identity: Identity, call: Subject, number: float) -> Draw:
        """Decide about an event.

        Args:
            identity: Who made the call.
            call: The call, with its answer.
            number: Drawn from [0, 100).
        """
        rate, reason = self._rate(identity, call)
        if number >= rate:
            return Draw(0, reason)
        return Draw(math.floor(100 / rate))

    def _rate(self, identity: Identity, call: Subject) -> tuple[float, SkipReason]:
        rates = []
        if identity.user_id and identity.user_id in self.users:
            rates.append((self.users[identity.user_id], SkipReason.SAMPLED_USER))
        if identity.company_id and identity.company_id in self.companies:
            rates.append((self.companies[identity.company_id], SkipReason.SAMPLED_COMPANY))
        if self.calls:
            look = Look(call)
            by_call = (rate for gate, rate in self.calls if look.passes(gate))
            if (rate := next(by_call, None)) is not None:
                rates.append((rate, SkipReason.SAMPLED_REGEX))
        return min(rates, default=(self.everyone, SkipReason.SAMPLED_GLOBAL))


def read_sampling(config: Mapping[str, Any]) -> tuple[Sampling, list[str]]:
    """Read the rates of a ``GET /v1/config``; return also what of it makes no sense.

    What makes no sense is as good as not there.
    """
    flaws: list[str] = []
    users = _read_rates(config, "user_sample_rate", flaws)
    companies = _read_rates(config, "company_sample_rate", flaws)
    everyone = _percent(config.get("sample_rate", ALL))
    if everyone is None:
        flaws.append("sample_rate is no percentage")
    sampling = Sampling(
        everyone=ALL if everyone is None else everyone,
        users=users,
        companies=companies,
        calls=_read_calls(config.get("regex_config"), flaws),
    )
    return sampling, flaws


def _read_rates(config: Mapping[str, Any], name: str, flaws: list[str]) -> dict[str, float]:
    raw = config.get(name)
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        flaws.append(f"{name} is no object")
        return {}
    rates = {entity: rate for entity, value in raw.items() if (rate := _percent(value)) is not None}
    if len(rates) < len(raw):
        flaws.append(f"{name} has values that are no percentage")
    return rates


def _read_calls(raw: object, flaws: list[str]) -> tuple[tuple[Gate, float], ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        flaws.append("regex_config is no list")
        return ()
    fields = Fields()
    calls = []
    for group in raw:
        try:
            calls.append((fields.gate([group]), _group_rate(group)))
        except (DocumentError, PatternError) as problem:
            flaws.append(f"regex_config: group ignored: {problem}")
    fields.join()
    return tuple(calls)


def _group_rate(group: Mapping[str, Any]) -> float:
    rate = _percent(group.get("sample_rate"))
    if rate is None:
        raise DocumentError("its rate is no percentage")
    return rate


def _percent(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= ALL else None
