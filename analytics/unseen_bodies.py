"""Notices that rules ask for bodies which Envoy does not show: such rules never hold.

It is told once for each route, as long as the rules stay the same ones.
"""

import structlog

from analytics.checked_call import AskedAbout
from analytics.governance import Rulebook

_SURELY_SHOWN = 8192  # bytes: the least that Envoy shows where it shows bodies at all
_MOST_ROUTES = 1000  # that are told of

_log = structlog.get_logger(__name__)


class UnseenBodies:
    """Remembers which routes were told of."""

    def __init__(self) -> None:
        self._rulebook: Rulebook | None = None
        self._told: set[str | None] = set()

    def notice(self, rulebook: Rulebook, request: AskedAbout) -> None:
        """Take note of a request that is judged by rules which ask for bodies."""
        if request.body is not None or not _has_body(request):
            return
        if rulebook is not self._rulebook:
            self._rulebook = rulebook
            self._told.clear()
        if request.route not in self._told and len(self._told) < _MOST_ROUTES:
            self._told.add(request.route)
            _log.warning(
                "governance rules ask for bodies, and Envoy shows none on this route",
                route=request.route,
            )


def _has_body(request: AskedAbout) -> bool:
    """Tell whether there is one that Envoy would have shown."""
    length = next((value for name, value in request.headers if name == "content-length"), b"")
    return length.isdigit() and 0 < int(length[:10]) <= _SURELY_SHOWN
