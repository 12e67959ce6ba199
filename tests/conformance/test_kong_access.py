"""Kong's behaviour at request time, case by case: the real product behind real Envoys.

Every case is played over gRPC and over HTTP. Envoy's own defences against spoofed headers are
taken out, so that the answer to the check must deal with them alone.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conformance.access_cases import DIFFERENT, load_cases
from tests.conformance.access_stage import Stage, raised_stage

pytestmark = pytest.mark.e2e
in_session_loop = pytest.mark.asyncio(loop_scope="session")

_CASES = load_cases()
_ALIKE = [id_ for id_ in _CASES if id_ not in DIFFERENT]
_DIFFERENCES = Path(__file__).resolve().parents[2] / "docs/kong-differences.md"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def access_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with raised_stage(tmp_path_factory.mktemp("access"), _CASES.values()) as stage:
        yield stage


@in_session_loop
@pytest.mark.parametrize("id_", _ALIKE)
async def test_behaves_as_kong_does(access_stage: Stage, id_: str) -> None:
    assert await access_stage.play(_CASES[id_]) == {}


@in_session_loop
@pytest.mark.parametrize("id_", DIFFERENT)
async def test_does_better_where_kong_has_an_accident(access_stage: Stage, id_: str) -> None:
    assert _CASES[id_]["kong_quirk"]
    assert await access_stage.play(_CASES[id_]) == {}


def test_every_difference_is_documented() -> None:
    documented = _DIFFERENCES.read_text()
    assert [said for said, _ in DIFFERENT.values() if f"\n| {said}" not in documented] == []
