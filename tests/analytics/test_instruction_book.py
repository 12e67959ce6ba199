from typing import Any

import pytest

from analytics.config_fields import parse_moesif_config
from analytics.instruction_book import InstructionBook
from analytics.instructions import NEVER_TOLD
from analytics.routing import ScopedConfig
from analytics.rules import RefusesHeader
from tests.deadline import eventually
from tests.fakes.documents import CONFIG, RULES, CountingInstructions, ScriptedSource, good


def scope(application_id: str = "A", *, route: str | None = None, **config: Any) -> ScopedConfig:
    given = {"application_id": application_id, "api_endpoint": "http://one/"} | config
    return ScopedConfig(parse_moesif_config(given), route=route)


def book(source: ScriptedSource, refuses_header: RefusesHeader | None = None) -> InstructionBook:
    return InstructionBook(
        source=source, metrics=CountingInstructions(), refuses_header=refuses_header
    )


async def test_each_application_id_is_followed_once() -> None:
    source = ScriptedSource(config=[good({"sample_rate": 5})])
    scopes = [scope(route="r", connect_timeout=7), scope(), scope("B")]
    async with book(source) as opened:
        opened.configure(scopes)
        await eventually(lambda: len(source.asked) == 2, "both to be asked")
        first = source.targets[0].application_id.reveal()
        mine = next(s.config for s in scopes if s.config.application_id.reveal() == first)
        await eventually(
            lambda: opened.instructions(mine).sampling.everyone == 5, "the first answer"
        )
        # The broadest scope says how to ask.
        assert {target.connect_timeout for target in source.targets} == {1.0}
        assert {kind for kind, _ in source.asked} == {CONFIG}


async def test_what_stays_configured_is_not_asked_again() -> None:
    source = ScriptedSource(config=[good({"sample_rate": 5})])
    async with book(source) as opened:
        for _ in range(3):
            opened.configure([scope()])
            await eventually(
                lambda: opened.instructions(scope().config).sampling.everyone == 5, "the answer"
            )
        opened.configure([])
        assert opened.instructions(scope().config) is NEVER_TOLD
    assert len(source.asked) == 1


async def test_another_collector_is_another_story() -> None:
    source = ScriptedSource(config=[good({"sample_rate": 5})])
    async with book(source) as opened:
        opened.configure([scope()])
        await eventually(
            lambda: opened.instructions(scope().config).sampling.everyone == 5, "the answer"
        )
        elsewhere = scope(api_endpoint="http://two")
        assert opened.instructions(elsewhere.config) is NEVER_TOLD


async def test_who_enforces_rules_follows_where_rules_are_wanted() -> None:
    source = ScriptedSource(config=[good({})])
    async with book(source, refuses_header=lambda _name: False) as opened:
        opened.configure([scope(), scope("B", enable_governance=False)])
        await eventually(lambda: len(source.asked) == 2, "both documents to be asked for")
    assert [kind for kind, _ in source.asked] == [CONFIG, RULES]


async def test_a_tag_is_told_to_whom_it_concerns() -> None:
    source = ScriptedSource(config=[good({}, tag="a")])
    async with book(source) as opened:
        opened.configure([scope()])
        await eventually(lambda: source.targets, "the first question")
        opened.notice(source.targets[0], "b")
        await eventually(lambda: len(source.asked) == 2, "another question")


async def test_what_takes_its_place_under_its_name_is_told_after_its_end() -> None:
    source, metrics = ScriptedSource(config=[good({}), good({})]), CountingInstructions()
    async with InstructionBook(source=source, metrics=metrics) as opened:
        opened.configure([scope()])
        told = metrics.statuses["global"]
        await eventually(lambda: len(told) == 2, "the first to be followed")
        opened.configure([scope("B")])
        await eventually(lambda: len(told) == 5, "the other to be followed")
    assert [status is None for status in told] == [False, False, True, False, False, True]


async def test_it_goes_by_the_name_of_the_broadest_plugin_that_there_is_now() -> None:
    source, metrics = ScriptedSource(config=[good({}), good({})]), CountingInstructions()
    async with InstructionBook(source=source, metrics=metrics) as opened:
        opened.configure([scope(), scope("B", route="r")])
        await eventually(
            lambda: all(len(metrics.statuses[name]) == 2 for name in ("global", "route r")),
            "both to be followed",
        )
        opened.configure([scope(route="r"), scope("B")])  # each gets the name that the other had
        for told in metrics.statuses.values():
            assert [status is None for status in told] == [False, False, True, False]
    assert len(source.asked) == 2


@pytest.mark.parametrize("wants", [True, False])
async def test_leaving_ends_all_questions(wants: bool) -> None:
    source = ScriptedSource()
    async with book(source, (lambda _name: False) if wants else None) as opened:
        opened.configure([scope(), scope("B")])
        await eventually(lambda: len(source.asked) == 2, "both to be asked")
