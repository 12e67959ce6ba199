"""Kong's behaviour at request time where Envoy may answer by itself.

Only cases in which something is let through, or has changed: nothing else is ever kept.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.access_cases import FACES, Case, expected, load_cases
from tests.conformance.access_stage import Stage, raised_stage

pytestmark = pytest.mark.e2e

_OK = 200
_EDGE_TTL = 1  # second
_PLAIN = "ka-header-valid"


def _may_be_kept(case: Case) -> bool:
    steps = {step["do"] for step in case.get("before", ())}
    if "stop_database" in steps:
        return False
    return bool(steps) or any(expected(case, face)["status"] == _OK for face in FACES)


_CASES = {id_: case for id_, case in load_cases().items() if _may_be_kept(case)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    directory = tmp_path_factory.mktemp("access-edge")
    async with raised_stage(directory, _CASES.values(), edge_ttl=_EDGE_TTL) as stage:
        yield stage


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("id_", _CASES)
async def test_behaves_the_same_where_envoy_answers(edge_stage: Stage, id_: str) -> None:
    assert await edge_stage.play(_CASES[id_]) == {}


@pytest.mark.asyncio(loop_scope="session")
async def test_envoy_does_answer(edge_stage: Stage) -> None:
    before = [await _unasked(edge_stage, face) for face in FACES]
    assert await edge_stage.play(_CASES[_PLAIN]) == {}
    after = [await _unasked(edge_stage, face) for face in FACES]
    assert all(more > count for count, more in zip(before, after, strict=True))


async def _unasked(stage: Stage, face: str) -> int:
    """Return how many requests an Envoy has let through without asking."""
    _, stats = await stage.envoys[face].ask("/stats?filter=^http.ingress.ext_authz.disabled$")
    return int(stats.rpartition(":")[2])
