"""What browsers are told: which other origins' pages may use the Admin API, by default none."""

from collections.abc import Mapping, Sequence

_EXPOSED = "X-Kong-Admin-Latency"
_AGE = "600"  # seconds for which a browser remembers what it was told


class Origins:
    """The origins that were configured, such as ``https://admin.example.com``."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._known = frozenset(origin.lower() for origin in origins)

    def knows(self, headers: Mapping[str, tuple[str, ...]]) -> bool:
        """Tell whether a request comes from a page of one of them."""
        origins = headers.get("origin", ())
        return len(origins) == 1 and origins[0].lower() in self._known

    def answered(self, headers: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Return the headers that let a page read the answer to its request."""
        vary = {"Vary": "Origin"} if self._known else {}
        if not self.knows(headers):
            return vary
        origin = headers["origin"][0]
        return {
            **vary,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def invited(self, headers: Mapping[str, tuple[str, ...]], allowed: str) -> dict[str, str]:
        """Return the headers that say what a page may send, as Kong does; ``allowed``: methods."""
        if not self.knows(headers):
            return {}
        asked = ", ".join(headers.get("access-control-request-headers", ()))
        return {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": asked or "Content-Type",
            "Access-Control-Max-Age": _AGE,
        }
