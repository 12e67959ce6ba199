"""``tollkeeper openapi``."""

import json

from authsvc.memory import MemoryDatabase
from tests.clients.command_line import Tollkeeper
from tests.fakes.admin_api import serving


async def test_it_prints_the_document(tollkeeper: Tollkeeper) -> None:
    async with serving(MemoryDatabase()) as client:
        outcome = await tollkeeper("openapi", "--admin-url", f"http://127.0.0.1:{client.port}")
    assert outcome.code == 0
    assert json.loads(outcome.out)["openapi"] == "3.1.0"
