"""``python -m bench.governance``: what rules cost a check in which none of them matches.

Measured is the port as authsvc calls it, with everything behind it, in one process and without a
network; beside it the same with Python's ``re``, rule by rule, which is what one writes first.
No two requests of a round have the same path.
"""

import argparse
import asyncio
import itertools
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import structlog

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
COUNTS = (3, 30, 300)  # rules
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


Rule = dict[str, Any]
Check = Callable[[Request], object]


def of_all_kinds(number: int) -> Rule:
    """Return a rule about users, about companies, or about calls."""
    kind = ("user", "company", "regex")[number % 3]
    return _rule(f"rule-{number}", kind, _ROUTE_AND_VERB if kind == "regex" else (), number)


def on_four_fields(number: int) -> Rule:
    """Return a rule about calls; those beside it ask for other fields."""
    return _rule(f"rule-{number}", "regex", (_FIELDS[number % len(_FIELDS)],), number)


def for_others(number: int) -> Rule:
    """Return a rule about users that are not in its cohort, which this one is."""
    conditions = _ROUTE_AND_VERB if number % 2 else ()
    return _rule(f"cohort-{number}", "user", conditions, number) | {"applied_to": "not_matching"}


SHAPES: dict[str, Callable[[int], Rule]] = {
    "of all kinds": of_all_kinds,
    "on four fields": on_four_fields,
    "for others": for_others,
}
_ROUTE_AND_VERB = (
    ("request.route", r"^/v1/(?:accounts|users)/\w+/things-{}/\d+$"),
    ("request.verb", "^(?:POST|PUT)$"),
)
_FIELDS = (
    ("request.route", r"^/v1/(?:accounts|users)/\w+/things-{}/\d+$"),
    ("request.headers.user-agent", r"(?i)bot-{}/\d"),
    ("request.uri", r"[?&]trace-{}=(?:1|true)"),
    ("request.ip_address", r"^198\.51\.100\.{}$"),
)


def _rule(name: str, kind: str, conditions: Sequence[tuple[str, str]], number: int) -> Rule:
    asked = [{"path": path, "value": value.format(number)} for path, value in conditions]
    return {
        "_id": name,
        "type": kind,
        "block": True,
        "regex_config": [{"conditions": asked}] if asked else [],
        "response": {"status": 429, "body": {"error": "no"}},
    }


def config() -> dict[str, Any]:
    """Return cohorts: of many users, and of the one who calls."""
    many = {f"user-{n}": [{"rules": "rule-0"}] for n in range(COHORT)}
    return {"user_rules": many | {"customer-17": [{"rules": f"cohort-{n}"} for n in range(300)]}}


class Documents:
    """Answers what the collector would."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._bodies = {
            DocumentKind.CONFIG: orjson.dumps(config()),
            DocumentKind.RULES: orjson.dumps(rules),
        }

    async def fetch(self, kind: DocumentKind, _target: Target) -> Fetched:
        return Fetched(200, self._bodies[kind])


@asynccontextmanager
async def governed(rules: Sequence[Rule]) -> AsyncIterator[Check]:
    """Yield what a check asks once these rules are in force."""
    metrics = NullInstructionMetrics()
    async with InstructionBook(
        source=Documents(rules), metrics=metrics, refuses_header=lambda _name: False
    ) as book:
        governor = Governor(book=book, metrics=metrics)
        scope = ScopedConfig(parse_moesif_config({"application_id": "bench"}))
        governor.configure([scope], credential_names=["apikey"], topology=Topology())
        told = book.followed(scope.config)
        while told.current.rulebook.size != len(rules) or told.current.cohorts is None:  # noqa: ASYNC110 - a bench
            await asyncio.sleep(0.01)
        yield lambda request: govern(governor, request, DECISION, ANNOTATION)


def plainly(rules: Sequence[Rule]) -> Check:
    """Return a check that walks through rules of all kinds with Python's ``re``."""
    cohort = config()["user_rules"]
    compiled = {
        rule["_id"]: [
            [(each["path"], re.compile(each["value"])) for each in group["conditions"]]
            for group in rule["regex_config"]
        ]
        for rule in rules
    }

    def check(request: Request) -> object:
        fields = {"request.verb": request.method, "request.route": request.path.partition("?")[0]}
        for rule in rules:
            groups = compiled[rule["_id"]]
            held = not groups or any(
                all(pattern.search(fields[path]) for path, pattern in group) for group in groups
            )
            entries = cohort.get("nobody", ()) if rule["type"] == "user" else ()
            is_in = any(entry["rules"] == rule["_id"] for entry in entries)
            if held and (rule["type"] == "regex" or is_in):
                return rule
        return NO_RULING

    return check


def requests(count: int) -> Sequence[Request]:
    """Return requests, each with a path of its own."""
    return [
        replace(REQUEST, path=f"/v2/accounts/7f3c/orders/{1_000_000 + n}?expand=items&page=2")
        for n in range(count)
    ]


def timed(checks: Sequence[Check], rounds: int, calls: int) -> list[list[float]]:
    """Return the microseconds of each check in each round; the checks take turns."""
    asked = requests(calls)
    found: list[list[float]] = [[] for _ in checks]
    for _, (spent, check) in itertools.product(
        range(rounds), list(zip(found, checks, strict=True))
    ):
        started = time.process_time()  # whatever else the machine does costs this no CPU
        for request in asked:
            result = check(request)
        spent.append((time.process_time() - started) / calls * 1e6)
        assert result is NO_RULING
    return found


async def measure(rounds: int, calls: int) -> None:
    """Print what checks cost, by the shape of rules and their number."""
    async with governed([]) as check:
        (none,) = timed([check], rounds, calls)
    _tell("none", 0, none)
    for shape, rule in SHAPES.items():
        for count in COUNTS:
            rules = [rule(number) for number in range(count)]
            plain = [plainly(rules)] if rule is of_all_kinds else []
            async with governed(rules) as check:
                ours, *others = timed([check, *plain], rounds, calls)
            _tell(shape, count, ours, *others)


def _tell(shape: str, count: int, *spent: list[float]) -> None:
    shown = [f"{min(each):.2f} ({statistics.median(each):.2f})" for each in spent]
    ratio = [f"{min(spent[1]) / min(spent[0]):>6.1f}"] if len(spent) > 1 else []
    sys.stdout.write(" ".join([f"{shape:>14} {count:>5}", *(f"{e:>16}" for e in shown), *ratio]))
    sys.stdout.write("\n")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.governance", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=5_000, help="of each round")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.stdout.write("microseconds of CPU a check, least (median); no rule matches\n")
    heads = ("tollkeeper", "plain re")
    sys.stdout.write(f"{'rules':>14} {'':>5} {heads[0]:>16} {heads[1]:>16} {'ratio':>6}\n")
    asyncio.run(measure(options.rounds, options.calls))


if __name__ == "__main__":
    main()
