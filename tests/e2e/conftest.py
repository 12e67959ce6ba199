"""One stack for the whole session: the suite is as fast as its requests."""

from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio

from tests.fakes.sides import Sides, running_sides
from tests.fakes.stack import Stack, running_stack


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark what is in this folder, and run it in the loop in which the stack lives."""
    for item in items:
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker(pytest.mark.e2e)
            # The first test of a session starts everything: two dozen processes.
            item.add_marker(pytest.mark.timeout(300))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


# What is about keys is so with the edge cache as well, by which Envoy may answer by itself.
_ALSO_AT_THE_EDGE = frozenset(
    {
        "test_behaviour_matrix",
        "test_canary",
        "test_grpc",
        "test_keys",
        "test_known_vulnerabilities",
        "test_live_changes",
        "test_locations",
        "test_transaction_ids",
    }
)
_EDGE_TTL = 1  # seconds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run these modules once more, behind an Envoy that keeps answers."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in _ALSO_AT_THE_EDGE and "at_the_edge" in metafunc.fixturenames:
        metafunc.parametrize("at_the_edge", [False, True], ids=["asking", "edge"], indirect=True)


@pytest.fixture
def at_the_edge(request: pytest.FixtureRequest) -> bool:
    """Whether Envoy may keep answers."""
    return bool(getattr(request, "param", False))


@pytest.fixture
def stack(request: pytest.FixtureRequest, at_the_edge: bool) -> Stack:
    """Everything together, with two processes that check requests."""
    found: Stack = request.getfixturevalue("edge_stack" if at_the_edge else "asking_stack")
    return found


@pytest.fixture
def sides(request: pytest.FixtureRequest, at_the_edge: bool) -> Sides:
    """More Envoys in front of the stack's product."""
    found: Sides = request.getfixturevalue("edge_sides" if at_the_edge else "asking_sides")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asking_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One whose Envoy asks about every request."""
    async with running_stack(tmp_path_factory.mktemp("e2e"), workers=2) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asking_sides(
    asking_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sides]:
    """Envoys that ask about every request."""
    async with running_sides(asking_stack, tmp_path_factory.mktemp("sides")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def edge_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One whose Envoy may keep answers, by every plugin that is there."""
    directory = tmp_path_factory.mktemp("edge")
    async with running_stack(directory, workers=2, edge_ttl=_EDGE_TTL) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def edge_sides(
    edge_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sides]:
    """Envoys that may keep answers."""
    async with running_sides(edge_stack, tmp_path_factory.mktemp("edge-sides")) as running:
        yield running
