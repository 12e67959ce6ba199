"""``python -m bench.governance``: what rules cost a check in which none of them matches.

Measured is the port as authsvc calls it, with everything behind it, in one process and without a
network; beside it the same with Python's ``re``, rule by rule, which is what one writes first.
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

from analytics.collector import DocumentKind, Fetched, Target
from analytics.config_fields import parse_moesif_config
from analytics.governor import Governor
from analytics.instruction_book import InstructionBook
from analytics.instruction_metrics import NullInstructionMetrics
from analytics.routing import ScopedConfig, Topology
from authsvc.annotation import Annotation
from authsvc.decision import Allow, AllowReason, Identity
from authsvc.entities import Consumer
from authsvc.governance import NO_RULING, govern
from authsvc.hiding import Hiding
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.request import Request
from authsvc.store import KnownConsumer

COHORT = 10_000  # users in cohorts
REQUEST = Request(
    method="GET",
    path="/v2/accounts/7f3c/orders/1234567890?expand=items&page=2",
    headers=(
        (":method", b"GET"),
        (":scheme", b"https"),
        ("accept", b"application/json"),
        ("accept-encoding", b"gzip, br"),
        ("user-agent", b"orders-client/4.2 (linux; x86_64)"),
        ("x-api-version", b"v2"),
        ("x-forwarded-for", b"203.0.113.7"),
        ("x-forwarded-proto", b"https"),
        ("x-request-id", b"5b1d7d3e-6f2c-4a57-9f5c-0a5be5c0b1aa"),
    ),
    authority="api.example.com",
    client_address="203.0.113.7",
    route="orders",
)
CONSUMER = Consumer(
    id="0b8f2a0e", created_at=0, updated_at=0, username="bob", custom_id="customer-17"
)
DECISION = Allow(
    AllowReason.KEY,
    Policy(KeyAuthConfig()),
    Hiding(),
    Identity(KnownConsumer(CONSUMER, ()), "key-1"),
)
ANNOTATION = Annotation()


def rules(count: int) -> list[dict[str, Any]]:
    """Return rules of all kinds, of which none applies to the request."""
    kinds = ("user", "company", "regex")
    return [
        {
            "_id": f"rule-{number}",
            "type": kinds[number % 3],
            "block": True,
            "regex_config": [{"conditions": conditions(number)}] if number % 3 == 2 else [],
            "response": {"status": 429, "body": {"error": "no"}},
        }
        for number in range(count)
    ]


def conditions(number: int) -> list[dict[str, str]]:
    path = rf"^/v1/(?:accounts|users)/\w+/things-{number}/\d+$"
    return [
        {"path": "request.route", "value": path},
        {"path": "request.verb", "value": "^(?:POST|PUT)$"},
    ]


def config() -> dict[str, Any]:
    return {"user_rules": {f"user-{n}": [{"rules": "rule-0"}] for n in range(COHORT)}}


class Documents:
    """Answers what the collector would."""

    def __init__(self, count: int) -> None:
        self._bodies = {
            DocumentKind.CONFIG: orjson.dumps(config()),
            DocumentKind.RULES: orjson.dumps(rules(count)),
        }

    async def fetch(self, kind: DocumentKind, _target: Target) -> Fetched:
        return Fetched(200, self._bodies[kind])


async def measure(count: int, rounds: int, calls: int) -> list[float]:
    """Return the microseconds of a check in each round."""
    metrics = NullInstructionMetrics()
    async with InstructionBook(
        source=Documents(count), metrics=metrics, refuses_header=lambda _name: False
    ) as book:
        governor = Governor(book=book, metrics=metrics)
        scope = ScopedConfig(parse_moesif_config({"application_id": "bench"}))
        governor.configure([scope], credential_names=["apikey"], topology=Topology())
        while book.instructions(scope.config).rulebook.size != count:  # noqa: ASYNC110 - a bench
            await asyncio.sleep(0.01)
        return timed(
            lambda: govern(governor, REQUEST, DECISION, ANNOTATION), NO_RULING, rounds, calls
        )


def plainly(count: int, rounds: int, calls: int) -> list[float]:
    """Return the same for rules that are walked through with Python's ``re``."""
    raw, cohort = rules(count), config()["user_rules"]
    compiled = {
        rule["_id"]: [
            [(each["path"], re.compile(each["value"])) for each in group["conditions"]]
            for group in rule["regex_config"]
        ]
        for rule in raw
    }

    def check() -> object:
        fields = {"request.verb": REQUEST.method, "request.route": REQUEST.path.partition("?")[0]}
        for rule in raw:
            groups = compiled[rule["_id"]]
            held = not groups or any(
                all(pattern.search(fields[path]) for path, pattern in group) for group in groups
            )
            entries = cohort.get("customer-17", ()) if rule["type"] == "user" else ()
            is_in = any(entry["rules"] == rule["_id"] for entry in entries)
            if held and (rule["type"] == "regex" or is_in):
                return rule
        return None

    return timed(check, None, rounds, calls)


def timed(check: Callable[[], object], expected: object, rounds: int, calls: int) -> list[float]:
    found = []
    for _ in range(rounds):
        started = time.process_time()  # whatever else the machine does costs this no CPU
        for _ in range(calls):
            result = check()
        found.append((time.process_time() - started) / calls * 1e6)
        assert result is expected
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.governance", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20_000, help="of each round")
    options = parser.parse_args()
    none = statistics.median(asyncio.run(measure(0, options.rounds, options.calls)))
    sys.stdout.write("microseconds of CPU a check, median (least); no rule matches\n")
    sys.stdout.write(f"{'rules':>6} {'tollkeeper':>16} {'plain re':>16} {'ratio':>6}\n")
    sys.stdout.write(f"{0:>6} {none:>16.2f}\n")
    for count in (3, 30, 300):
        ours = asyncio.run(measure(count, options.rounds, options.calls))
        plain = plainly(count, options.rounds, options.calls)
        shown = [f"{statistics.median(each):.2f} ({min(each):.2f})" for each in (ours, plain)]
        ratio = statistics.median(plain) / statistics.median(ours)
        sys.stdout.write(f"{count:>6} {shown[0]:>16} {shown[1]:>16} {ratio:>6.1f}\n")


if __name__ == "__main__":
    main()
