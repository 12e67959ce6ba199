"""Who may do what at the Admin API.

A viewer reads, and never sees a key.  An operator also changes consumers, their keys and their
groups.  An admin may do everything.  An endpoint that says nothing is for admins alone.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a token is for; each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Tell whether this role may do whatever the other may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: the name of a token, or of the way in; and the role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Access:
    """The least role that may read an endpoint, and the least that may write."""

    read: Role
    write: Role

    def needed(self, method: str) -> Role:
        """Return the least role for a method."""
        return self.read if method in _READS else self.write


_READS = frozenset({"GET", "HEAD", "OPTIONS"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that may change something."""

ADMINS_ONLY = Access(Role.ADMIN, Role.ADMIN)
"""What needs an admin even to look."""

CONFIGURATION = Access(Role.VIEWER, Role.ADMIN)
"""What everybody may look at, and an admin change."""

OPERATED = Access(Role.VIEWER, Role.OPERATOR)
"""Consumers, and what belongs to them."""

READABLE = Access(Role.VIEWER, Role.VIEWER)
"""What changes nothing, by whatever method."""
