"""One delivered event as a line for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_NOBODY = "-"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is shown of an event; every text is printable."""

    time: str
    verb: str
    path: str
    status: str
    consumer: str
    latency: str


def sighting_of(event: Mapping[str, Any]) -> Sighting:
    """Return what to show of an event in Moesif's form."""
    request, response = event["request"], event.get("response") or {}
    metadata = event.get("metadata") or {}
    consumer = metadata.get("consumer") or {}
    uri = urlsplit(request["uri"])
    who = consumer.get("username") or consumer.get("custom_id") or consumer.get("id")
    duration = metadata.get("duration_ms")
    return Sighting(
        time=_local_time(request["time"]),
        verb=_shown(request["verb"]),
        path=_shown(uri._replace(scheme="", netloc="").geturl()),
        status=_shown(response.get("status", _NOBODY)),
        consumer=_shown(who or event.get("user_id") or _NOBODY),
        latency=_NOBODY if duration is None else f"{duration:.1f} ms",
    )


def _local_time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _shown(value: object) -> str:
    """Return a text that cannot move the cursor of a terminal, whatever a client sent."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
