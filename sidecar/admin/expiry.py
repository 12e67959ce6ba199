"""The ``ttl`` option: for how many seconds from now an entity lives."""

import math
from typing import Any

from sidecar.admin.kinds import Integer, InvalidValueError
from sidecar.admin.payload import Payload
from sidecar.admin.problems import invalid_option

_MOST = 100_000_000  # seconds: three years
_KIND = Integer(between=(0, _MOST))


def parse_ttl(payload: Payload) -> int | None:
    """Return the seconds that are asked for, 0: for ever, or None if nothing is said.

    Raises:
        ProblemError: It is not a possible number of seconds.
    """
    if "ttl" not in payload.values:
        return None
    given: Any = payload.values["ttl"]
    try:
        return _KIND.accept(_KIND.infer(given) if payload.is_form else given)
    except InvalidValueError:
        raise invalid_option("ttl", f"must be an integer between 0 and {_MOST}") from None


def expiry(ttl: int, *, now: float) -> int | None:
    """Return the first second at which it is over, so that it never lives shorter than asked."""
    return math.ceil(now + ttl) if ttl else None


def remaining(expires_at: int | None, *, now: float) -> int | None:
    """Return the whole seconds that are left, None: for ever."""
    return None if expires_at is None else max(0, math.floor(expires_at - now))
