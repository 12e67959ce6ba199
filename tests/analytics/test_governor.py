from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from structlog.testing import capture_logs

from analytics.config_fields import parse_moesif_config
from analytics.governance import NOTHING, Ruling
from analytics.governor import Governor
from analytics.instruction_book import InstructionBook
from analytics.instruction_metrics import RulingOutcome
from analytics.routing import KnownRoute, ScopedConfig, Topology
from authsvc.governance import Caller
from authsvc.request import Request
from tests.deadline import eventually
from tests.fakes.documents import CountingInstructions, ScriptedSource, good

BOB = Caller(consumer_id="c-1", username="bob", custom_id="17")
NOBODY = Caller()


def blocks(rule_id: str, kind: str = "user", **changes: Any) -> dict[str, Any]:
    return {"_id": rule_id, "type": kind, "block": True, "response": {"status": 403}} | changes


def request(**given: Any) -> Request:
    return Request(**{"method": "GET", "path": "/", "route": "orders"} | given)


class Stage:
    """A governor that has heard of rules."""

    def __init__(self, governor: Governor, metrics: CountingInstructions) -> None:
        self.governor = governor
        self.metrics = metrics

    def blocked_by(self, caller: Caller = NOBODY, **given: Any) -> str | None:
        block = self.governor.judge(request(**given), caller).block
        return block.rule if block else None


def scope(route: str | None = None, **config: Any) -> ScopedConfig:
    return ScopedConfig(parse_moesif_config({"application_id": "A"} | config), route=route)


@asynccontextmanager
async def stage(
    rules: list[dict[str, Any]],
    *scopes: ScopedConfig,
    topology: Topology = Topology(),  # noqa: B008 - frozen, and empty
    **cohorts: Any,
) -> AsyncIterator[Stage]:
    """Yield a governor once the rules are in force."""
    source = ScriptedSource(config=[good(cohorts)], rules=[good(rules)])
    metrics = CountingInstructions()
    async with InstructionBook(
        source=source, metrics=metrics, refuses_header=lambda _name: False
    ) as book:
        governor = Governor(book=book, metrics=metrics)
        wanted = scopes or (scope(),)
        governor.configure(wanted, credential_names=["apikey"], topology=topology)
        size = len(rules)
        await eventually(
            lambda: any(book.instructions(s.config).rulebook.size == size for s in wanted),
            "the rules",
        )
        yield Stage(governor, metrics)


async def test_before_it_is_configured_it_says_nothing() -> None:
    metrics = CountingInstructions()
    async with InstructionBook(source=ScriptedSource(), metrics=metrics) as book:
        assert Governor(book=book, metrics=metrics).judge(request(), BOB) is NOTHING


async def test_callers_are_who_their_events_say_that_they_are() -> None:
    cohort = {name: [{"rules": "U"}] for name in ("17", "told", "sent")}
    async with stage([blocks("U")], scope(user_id_header="X-User"), user_rules=cohort) as it:
        assert it.blocked_by(BOB) == "U"
        assert it.blocked_by(Caller("c-1", "17")) == "U"
        assert it.blocked_by(Caller("c-1", "other", "x")) is None
        assert it.blocked_by(Caller("c-1", "other", user_id="told")) == "U"
        assert it.blocked_by(headers=(("x-user", b"sent"),)) == "U"
        assert it.blocked_by(headers=(("x-user", b"else"),)) is None
        assert it.blocked_by() is None


async def test_companies_are_those_of_the_configuration() -> None:
    rules = [blocks("C", "company")]
    async with stage(
        rules, scope(company_id_header="x-org"), company_rules={"acme": [{"rules": "C"}]}
    ) as it:
        assert it.blocked_by(Caller(company_id="acme")) == "C"
        assert it.blocked_by(headers=(("x-org", b"acme"),)) == "C"
        assert it.blocked_by(headers=(("x-org", b"other"),)) is None


async def test_a_header_with_keys_names_nobody() -> None:
    cohort = {"u": [{"rules": "U"}]}
    async with stage([blocks("U")], scope(user_id_header="apikey"), user_rules=cohort) as it:
        assert it.blocked_by(headers=(("apikey", b"u"),)) is None


async def test_the_plugin_of_the_route_counts_under_its_name_and_its_id() -> None:
    routes = Topology(routes=[KnownRoute("id-1", "orders")])
    own = scope("id-1", application_id="B", enable_governance=False)
    async with stage([blocks("R", "regex")], scope(), own, topology=routes) as it:
        assert it.blocked_by(route="orders") is None
        assert it.blocked_by(route="id-1") is None
        assert it.blocked_by(route="other") == "R"
        assert it.blocked_by(route=None) == "R"


async def test_whether_there_are_rules_is_known() -> None:
    own = scope("unruled", application_id="B", enable_governance=False)
    async with stage([blocks("R", "regex")], scope(), own) as it:
        assert it.governor.governs("orders", None)
        assert not it.governor.governs("unruled", None)
    async with stage([]) as it:
        assert not it.governor.governs("orders", None)


async def test_a_new_configuration_counts_at_once() -> None:
    async with stage([blocks("R", "regex")]) as it:
        assert it.blocked_by() == "R"
        own = scope("orders", application_id="B")
        it.governor.configure([scope(), own], credential_names=[], topology=Topology())
        assert it.blocked_by() is None
        it.governor.configure([scope()], credential_names=[], topology=Topology())
        assert it.blocked_by() == "R"
        off = [scope(enable_governance=False)]
        it.governor.configure(off, credential_names=[], topology=Topology())
        assert it.blocked_by() is None


async def test_the_address_may_be_that_of_a_header_where_headers_are_trusted() -> None:
    condition = {"path": "request.ip_address", "value": r"^198\."}
    rules = [blocks("R", "regex", regex_config=[{"conditions": [condition]}])]
    sent = {"client_address": "203.0.113.7", "headers": (("x-real-ip", b"198.51.100.1"),)}
    async with stage(rules) as it:
        assert it.blocked_by(**sent) is None
    async with stage(rules, scope(trust_client_ip_headers=True)) as it:
        assert it.blocked_by(**sent) == "R"


async def test_what_rules_said_is_counted() -> None:
    warns = {"_id": "W", "type": "regex", "response": {"headers": {"x-warn": "1"}}}
    only_delete = [{"conditions": [{"path": "request.verb", "value": "DELETE"}]}]
    blocking = blocks("R", "regex", regex_config=only_delete)
    async with stage([warns | {"regex_config": only_delete}, blocking]) as it:
        assert it.governor.judge(request(), BOB) is NOTHING
        it.blocked_by(method="DELETE")
        assert it.metrics.rulings == [RulingOutcome.BLOCKED]
    async with stage([warns]) as it:
        assert it.governor.judge(request(), BOB) == Ruling((("x-warn", "1"),))
        assert it.metrics.rulings == [RulingOutcome.HEADERS]


async def test_rules_that_ask_for_bodies_which_are_not_shown_are_told_of() -> None:
    condition = {"path": "request.body.query", "value": "mutation"}
    rules = [blocks("R", "regex", regex_config=[{"conditions": [condition]}])]
    sent = {"method": "POST", "headers": (("content-length", b"9"),)}
    async with stage(rules) as it:
        with capture_logs() as logs:
            assert it.blocked_by(**sent) is None
    assert [line["route"] for line in logs] == ["orders"]
    async with stage([blocks("R")]) as it:
        with capture_logs() as logs:
            it.blocked_by(**sent)
    assert logs == []
