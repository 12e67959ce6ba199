"""The id by which the collector knows an event again, however often it is sent."""

import re
import uuid

from analytics.record import AccessRecord

_HEADER = "x-moesif-transaction-id"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
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
        candidates = (
            verdict.transaction_id if verdict else None,
            record.request_headers.get(_HEADER),
            record.request_id,
        )
        for candidate in candidates:
            if candidate and _UUID.fullmatch(candidate) and self._claim(candidate.lower()):
                return candidate.lower()
        return str(uuid.uuid4())

    def _claim(self, candidate: str) -> bool:
        if candidate in self._recent or candidate in self._older:
            return False
        if len(self._recent) >= self._remembered:
            self._older, self._recent = self._recent, set()
        self._recent.add(candidate)
        return True
