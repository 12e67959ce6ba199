"""What a route's configuration needs of request bodies, from the plugins that apply to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.entities import Plugin, Route
from authsvc.policy import KeyAuthConfig, PolicyBook
from sidecar.envoy_config.plan import BodyUse

Row = Mapping[str, Any]


class BodyUses:
    """Finds what is needed, by the rules that authsvc itself goes by."""

    def __init__(
        self, *, routes: Sequence[Row], plugins: Sequence[Row], default: KeyAuthConfig | None
    ) -> None:
        """Take the rows of the Admin API, and what applies where no plugin does."""
        self._policies = PolicyBook.bind(
            default=default,
            plugins=[_plugin(row) for row in plugins],
            routes=[_route(row) for row in routes],
            services=(),
        )

    def of_route(self, route_id: str) -> BodyUse:
        """Return what a route needs."""
        policy = self._policies.find(route_id, None)
        return body_use(policy.key_auth if policy else None)


def body_use(config: KeyAuthConfig | None) -> BodyUse:
    """Return what a configuration needs."""
    if config is None or not config.key_in_body:
        return BodyUse.NONE
    return BodyUse.HIDE if config.hide_credentials else BodyUse.READ


def _plugin(row: Row) -> Plugin:
    return Plugin(
        id=row.get("id", ""),
        created_at=0,
        updated_at=0,
        name=row["name"],
        config=row["config"],
        route_id=_reference(row, "route"),
        service_id=_reference(row, "service"),
        enabled=row.get("enabled", True),
    )


def _route(row: Row) -> Route:
    return Route(id=row["id"], created_at=0, updated_at=0, service_id=_reference(row, "service"))


def _reference(row: Row, name: str) -> str | None:
    reference = row.get(name)
    return reference["id"] if reference else None
