"""Access records in plain values, for tests that need no bytes."""

from typing import Any

from analytics.record import AccessRecord, Verdict


def record(**members: Any) -> AccessRecord:
    """Return a GET of https://api.example.com/items that was answered with 200."""
    defaults: dict[str, Any] = {
        "started": 1_730_263_542_005_000_000,
        "duration": 120_000_000,
        "method": "GET",
        "scheme": "https",
        "authority": "api.example.com",
        "path": "/items",
        "client_address": "203.0.113.5",
        "status": 200,
        "request_headers": {},
        "response_headers": {},
        "tags": {},
    }
    return AccessRecord(**defaults | members)


def verdict(**members: Any) -> Verdict:
    """Return what authsvc said about a consumer that it let in."""
    return Verdict(**{"result": "allow", "reason": "ok"} | members)
