"""Whether traffic may come: named checks, of which some count and some only inform."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is there or not; ``needed``: traffic must wait for it."""

    name: str
    ok: bool
    needed: bool = True


def life(*, started: bool, stopping: bool) -> list[Check]:
    """Return what every process needs: to have started, and not to be about to end."""
    return [Check("started", started), Check("not_stopping", not stopping)]


# Known keys go on being answered without it: to take every replica out of service because the
# database is away would make an outage of it.
INFORMING = frozenset({"database"})


def is_ready(checks: Iterable[Check]) -> bool:
    """Tell whether all that is needed is there."""
    return all(check.ok for check in checks if check.needed)


def without(checks: Iterable[Check], excluded: AbstractSet[str]) -> list[Check]:
    """Leave out checks by name, by process (``authsvc-0``) or by what they check (``database``)."""
    named = excluded - {""}  # ?exclude= names nothing
    return [check for check in checks if not named & _names(check)]


def _names(check: Check) -> set[str]:
    process, _, subject = check.name.rpartition(".")
    return {check.name, process, subject}
