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
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Everything together, with two processes that check requests."""
    async with running_stack(tmp_path_factory.mktemp("e2e"), workers=2) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sides(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sides]:
    """More Envoys in front of the stack's product."""
    async with running_sides(stack, tmp_path_factory.mktemp("sides")) as running:
        yield running
