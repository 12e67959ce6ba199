"""Rules in a worker: nothing of them before there is a plugin, and all of them soon after."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from authsvc.entities import Plugin
from authsvc.governance import Caller
from authsvc.memory import MemoryDatabase
from authsvc.request import Request
from sidecar.control import ChildSpec
from sidecar.roles.moesif_rules import MoesifRules
from sidecar.roles.opening import Opening
from sidecar.secret import Secret
from sidecar.settings_model import Settings
from sidecar.telemetry import Telemetry
from tests.deadline import eventually


@pytest.fixture
def rules(tmp_path: Path) -> MoesifRules:
    spec = ChildSpec(
        role="authsvc",
        worker=0,
        settings=Settings(data_dir=str(tmp_path)),
        database_url=Secret("off"),
        root_key=None,
    )
    return MoesifRules(Opening(spec, MemoryDatabase(), Telemetry.alone(), AsyncExitStack()))


def plugin(name: str) -> Plugin:
    config = {"application_id": "an-application-id"}
    return Plugin(id="p", created_at=1, updated_at=1, name=name, config=config)


def request() -> Request:
    return Request(method="GET", path="/", headers=())


async def test_before_there_is_a_plugin_nothing_is_governed(rules: MoesifRules) -> None:
    async with rules.following():
        assert rules.annotation_of(plugin("key-auth-enc")) is None
        assert not rules.governs("route", "service")
        said = rules.judge(request(), Caller())
        assert (said.block, said.headers) == (None, ())
        assert not rules.is_following


async def test_the_first_plugin_tells_what_it_wants_and_wakes_the_rules(rules: MoesifRules) -> None:
    async with rules.following():
        assert rules.annotation_of(plugin("moesif")) is not None
        await eventually(lambda: rules.is_following, "the rules")
        assert rules.judge(request(), Caller()).block is None
