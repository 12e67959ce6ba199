"""Which configuration applies to an entry.

As in Kong the most specific one wins: route and service together, route, service, global.
Routes and services may be named by their id or by their name, here as in the entries.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from analytics.config import MoesifConfig

T = TypeVar("T")
_Scope = tuple[str | None, str | None]  # route, service


@dataclass(frozen=True, slots=True)
class ScopedConfig:
    """A configuration and what it is for; neither route nor service: everything."""

    config: MoesifConfig
    route: str | None = None
    service: str | None = None

    @property
    def breadth(self) -> tuple[bool, bool, str, str]:
        """Sorts the broadest first, and any two always in the same order."""
        return (
            self.route is not None,
            self.service is not None,
            self.route or "",
            self.service or "",
        )

    @property
    def label(self) -> str:
        """What to call it in logs."""
        parts = [f"route {self.route}"] if self.route else []
        parts += [f"service {self.service}"] if self.service else []
        return ", ".join(parts) or "global"


@dataclass(frozen=True, slots=True)
class KnownRoute:
    """A route as the Admin API has it."""

    id: str
    name: str | None = None
    service_id: str | None = None


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service as the Admin API has it."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The routes and services there are; what is not among them goes by the name it has."""

    routes: Sequence[KnownRoute] = ()
    services: Sequence[KnownService] = ()


class Routing(Generic[T]):
    """Finds what was made of the configuration that applies.

    Attributes:
        find: Returns what applies to a request of a route and a service, or None.
    """

    def __init__(self, scoped: Iterable[tuple[ScopedConfig, T]], topology: Topology) -> None:
        self._route_ids = _ids(topology.routes)
        self._service_ids = _ids(topology.services)
        self._services_of = {route.id: route.service_id for route in topology.routes}
        self._by_scope: dict[_Scope, T] = {
            self._canonical(scope.route, scope.service): made for scope, made in scoped
        }
        # One of the few things that every entry asks: not a method, which would be one call more.
        self.find: Callable[[str | None, str | None], T | None] = lru_cache(4096)(self._find)

    def _find(self, route: str | None, service: str | None) -> T | None:
        route, service = self._canonical(route, service)
        if route is not None and service not in self._service_ids:
            # A name that nothing goes by is as good as none, as it is for authsvc.
            service = self._services_of.get(route) or service
        for scope in ((route, service), (route, None), (None, service), (None, None)):
            if scope in self._by_scope:
                return self._by_scope[scope]
        return None

    def _canonical(self, route: str | None, service: str | None) -> _Scope:
        return (
            self._route_ids.get(route, route) if route else None,
            self._service_ids.get(service, service) if service else None,
        )


def _ids(known: Iterable[KnownRoute | KnownService]) -> dict[str, str]:
    """Return the id by id and by name; an id comes before a name that looks like it."""
    by_name = {each.name: each.id for each in known if each.name}
    return by_name | {each.id: each.id for each in known}
