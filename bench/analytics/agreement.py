"""Contenders are comparable only if they make the same events: asked before any is measured."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from bench.processes import Server


def compare_events(servers: Mapping[str, Server], *, collector: Server) -> None:
    """Compare the first events that the collector got; all were fed the same entries.

    Args:
        servers: By application id.
        collector: The stand-in that they delivered to.

    Raises:
        RuntimeError: Two contenders made different events.
    """
    found = {name: first_events(collector, name) for name in servers}
    (first, expected), *others = found.items()
    for name, events in others:
        for one, other in zip(expected, events, strict=True):
            if one != other:
                raise RuntimeError(
                    f"{servers[name].name} makes {other}, {servers[first].name} {one}"
                )


def first_events(collector: Server, application_id: str) -> list[dict[str, Any]]:
    """Return the first events, in an order of their own."""
    url = f"http://127.0.0.1:{collector.port}/first/{application_id}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        events = json.load(answer)
    return sorted(events, key=lambda event: str(event["transaction_id"]))
