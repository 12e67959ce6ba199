"""Which requests are to become no events, by what the operator wrote down.

A rule holds if everything that it names is found; a request is skipped if any rule holds.  The
expressions are searched for (``^`` and ``$`` make them whole), in linear time.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from analytics.patterns import Pattern
from analytics.record import AccessRecord


@dataclass(frozen=True, slots=True)
class SkipRule:
    """One rule: regular expressions, None for what does not matter; one of them is set."""

    path: str | None = None  # the path, without the query, that the client asked for
    method: str | None = None
    status: str | None = None
    user_agent: str | None = None


class SkipRules:
    """The rules of one configuration."""

    def __init__(self, rules: Iterable[SkipRule]) -> None:
        """Compile the rules.

        Raises:
            PatternError: One of the expressions cannot be used.
        """
        self._rules = [
            [
                (read, Pattern(text))
                for name, read in _READERS.items()
                if (text := getattr(rule, name)) is not None
            ]
            for rule in rules
        ]

    def skip(self, record: AccessRecord) -> bool:
        """Tell whether a request is to become no event."""
        return bool(self._rules) and any(
            all(pattern.is_in(read(record).encode("utf-8", "replace")) for read, pattern in rule)
            for rule in self._rules
        )


def _path(record: AccessRecord) -> str:
    return (record.original_path or record.path).partition("?")[0]


def _status(record: AccessRecord) -> str:
    return "" if record.status is None else str(record.status)


_READERS: Mapping[str, Callable[[AccessRecord], str]] = {
    "path": _path,
    "method": lambda record: record.method,
    "status": _status,
    "user_agent": lambda record: record.request_headers.get("user-agent", ""),
}
