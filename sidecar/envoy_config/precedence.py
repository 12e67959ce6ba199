"""Which route is tried first: Kong's order, where the one that asks for more wins."""

from collections.abc import Iterable, Mapping
from typing import Any

from sidecar.envoy_config.plan import PlannedRoute

_PLAIN_HOSTS, _REGEX_PATH = 2, 1


def by_precedence(
    routes: Iterable[tuple[Mapping[str, Any], PlannedRoute]],
) -> tuple[PlannedRoute, ...]:
    """Return the routes in the order in which they are to be tried.

    First those for gRPC, which nothing else matches; those that look at more kinds of things
    (hosts, headers, methods, path); then plain hosts before wildcards, regular expressions before
    prefixes, more headers, the higher ``regex_priority``, the longer path, the older route.
    """
    return tuple(route for _, route in sorted(routes, key=_rank))


def _rank(pair: tuple[Mapping[str, Any], PlannedRoute]) -> tuple[int, ...]:
    row, route = pair
    path = route.path
    is_regex = path is not None and path.regex
    kinds = (route.hosts, route.headers, route.methods, path)
    return (
        not route.grpc_only,
        -sum(1 for kind in kinds if kind),
        -((_PLAIN_HOSTS if _all_plain(route.hosts) else 0) + (_REGEX_PATH if is_regex else 0)),
        -len(route.headers),
        -(row.get("regex_priority") or 0) if is_regex else 0,
        -len(path.text) if path else 0,
        row.get("created_at") or 0,
    )


def _all_plain(hosts: tuple[str, ...]) -> bool:
    return bool(hosts) and not any("*" in host for host in hosts)
