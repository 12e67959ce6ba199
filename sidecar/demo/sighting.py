"""One delivered event as a line for people."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_NOBODY = "-"
_LONGEST_BODY = 36  # characters of a body that are shown


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is shown of an event; every text is printable."""

    time: str
    verb: str
    path: str
    status: str
    consumer: str
    user: str  # and company, as Moesif gets them
    latency: str
    bodies: str  # of the request and of the response, as much as fits


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
        user=_shown("/".join(_ids(event)) or _NOBODY),
        latency=_NOBODY if duration is None else f"{duration:.1f} ms",
        bodies=f"{_preview(request)} -> {_preview(response)}",
    )


def _ids(event: Mapping[str, Any]) -> list[str]:
    ids = (event.get("user_id"), event.get("company_id"))
    return [str(each) for each in ids if each is not None]


def _preview(message: Mapping[str, Any]) -> str:
    """Return the begin of a body; of one that is no text its size."""
    body = message.get("body")
    if body is None:
        return _NOBODY
    if message.get("transfer_encoding") == "base64":
        data = base64.b64decode(body)
        text = data.decode("utf-8", "replace")
        if not text.replace("\n", "").isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
            return f"{len(data)} bytes"
    else:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    text = _shown(" ".join(text.split()))
    return text if len(text) <= _LONGEST_BODY else f"{text[: _LONGEST_BODY - 3]}..."


def _local_time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _shown(value: object) -> str:
    """Return a text that cannot move the cursor of a terminal, whatever a client sent."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
