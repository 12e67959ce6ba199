"""The id by which the collector knows an event again, however often it is sent."""

import uuid
from typing import Final

from analytics.record import AccessRecord

_HEADER: Final = "x-moesif-transaction-id"
_UUID_LENGTH: Final = 36  # characters
_UUID_OCTETS: Final = 16
_REMEMBERED = 50_000  # ids in each of two generations: at least this many are remembered


class TransactionIds:
    """Gives each event its id.

    The id of authsvc's verdict comes first, then the request's ``x-moesif-transaction-id``, then
    its request id, if they are UUIDs; a new one otherwise.  An id that was given lately is not
    given again: a client that always sends the same one, or an internal redirect, would make the
    collector take different calls for one.
    """

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._recent: set[str] = set()
        self._older: set[str] = set()

    def choose(self, record: AccessRecord) -> str:
        """Return an id for the event of a request."""
        verdict = record.verdict
        return (
            (self._claim(verdict.transaction_id) if verdict else None)
            or self._claim(record.request_headers.get(_HEADER))
            or self._claim(record.request_id)
            or str(uuid.uuid4())
        )

    def _claim(self, candidate: str | None) -> str | None:
        """Return an id as it is given, or None: it cannot be."""
        if not candidate or not _is_uuid(candidate):
            return None
        candidate = candidate.lower()
        if candidate in self._recent or candidate in self._older:
            return None
        if len(self._recent) >= self._remembered:
            self._older, self._recent = self._recent, set()
        self._recent.add(candidate)
        return candidate


def _is_uuid(text: str) -> bool:
    if len(text) != _UUID_LENGTH or not text[8] == text[13] == text[18] == text[23] == "-":
        return False
    try:
        octets = bytes.fromhex(text.replace("-", ""))  # which takes blanks for nothing
    except ValueError:
        return False
    return len(octets) == _UUID_OCTETS
