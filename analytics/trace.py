"""The trace that a request belongs to, as its headers tell it: W3C's ``traceparent``, else B3's.

Both as their specifications have them; what is malformed, or all zeros, tells nothing.
"""

import re
from collections.abc import Mapping

import msgspec

# A later version may have more fields behind the flags; version ff is none.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_B3 = re.compile(
    r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-[01d](?:-([0-9a-f]{16}))?)?", re.IGNORECASE
)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_B3_HEADERS = ("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid")


class Trace(msgspec.Struct, frozen=True, gc=False):
    """Which trace, and which of its spans; hexadecimal, in lower case."""

    trace_id: str
    span_id: str
    parent_id: str | None = None


def find_trace(headers: Mapping[str, str]) -> Trace | None:
    """Return the trace that headers, by names in lower case, tell of; never raises."""
    traceparent = headers.get("traceparent")
    if traceparent is not None:
        found = _TRACEPARENT.fullmatch(traceparent.strip())
        if found is not None:
            trace_id, span_id = found.groups()
            if trace_id != _NO_TRACE and span_id != _NO_SPAN:
                return Trace(trace_id, span_id)
    if "b3" in headers or "x-b3-traceid" in headers:
        # The several headers are the one, taken apart; their sampling does not matter here.
        apart = [headers.get(name, "").strip() for name in _B3_HEADERS]
        single = headers.get("b3") or "-1-".join(filter(None, ("-".join(apart[:2]), apart[2])))
        found = _B3.fullmatch(single.strip())
        return _trace(found[1], found[2], found[3]) if found else None
    return None


def _trace(trace_id: str, span_id: str, parent_id: str | None = None) -> Trace | None:
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id.lower(), span_id.lower(), parent_id.lower() if parent_id else None)
