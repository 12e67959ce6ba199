"""Whether a route's bodies are captured, by the ``moesif`` plugins that apply to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sidecar.envoy_config.plan import Capture

Row = Mapping[str, Any]
_Scope = tuple[str | None, str | None]  # the ids of route and service

_MOESIF = "moesif"


class CaptureUses:
    """Finds it as analytics finds the plugin: route and service, route, service, global."""

    def __init__(self, plugins: Iterable[Row]) -> None:
        """Take the rows of the Admin API; a viewer's, without the application id, will do."""
        self._by_scope: dict[_Scope, Capture] = {
            (_reference(row, "route"), _reference(row, "service")): _capture(row["config"])
            for row in plugins
            if row["name"] == _MOESIF and row.get("enabled", True)
        }

    def of_route(self, route_id: str, service_id: str | None) -> Capture:
        """Return what is captured of the requests of a route."""
        scopes: Sequence[_Scope] = (
            (route_id, service_id),
            (route_id, None),
            (None, service_id),
            (None, None),
        )
        found = (self._by_scope[scope] for scope in scopes if scope in self._by_scope)
        return next(found, Capture())


def _capture(config: Row) -> Capture:
    return Capture(
        request=_is_captured(config, "request"), response=_is_captured(config, "response")
    )


def _is_captured(config: Row, side: str) -> bool:
    # A limit that is not there has its default, which is not zero.
    is_disabled = config.get(f"disable_capture_{side}_body")
    return not is_disabled and config.get(f"{side}_max_body_size_limit") != 0


def _reference(row: Row, name: str) -> str | None:
    reference = row.get(name)
    return reference["id"] if reference else None
