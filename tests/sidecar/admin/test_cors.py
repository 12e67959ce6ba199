"""Which other origins' pages may use the Admin API."""

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

PAGE = "https://admin.example"
ALLOW = "access-control-allow-origin"


async def test_no_origin_is_known_by_default(quick: AdminClient) -> None:
    answer = await quick.send("GET", "/", headers={"Origin": PAGE})
    preflight = await quick.send("OPTIONS", "/", headers={"Origin": PAGE})
    assert answer.status == 200
    named = [*answer.headers, *preflight.headers]
    assert not [name for name in named if name.startswith("access-control-")]


async def test_a_configured_page_may_read_answers_and_errors() -> None:
    async with serving(MemoryDatabase(), cors_origins=[PAGE]) as client:
        for path in ("/consumers", "/consumers/nobody", "/nothing"):
            answer = await client.send("GET", path, headers={"Origin": PAGE})
            assert answer.headers[ALLOW] == PAGE
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://admin.example.evil", "http://admin.example", "null"])
async def test_other_pages_may_not(origin: str) -> None:
    async with serving(MemoryDatabase(), cors_origins=[PAGE]) as client:
        answer = await client.send("GET", "/consumers", headers={"Origin": origin})
        without = await client.send("GET", "/consumers")
    assert ALLOW not in answer.headers
    assert answer.headers["vary"] == without.headers["vary"] == "Origin"


async def test_a_browser_is_told_what_a_configured_page_may_send() -> None:
    async with serving(MemoryDatabase(), token="t" * 16, cors_origins=[PAGE]) as client:
        client.headers.pop("Authorization")
        asked = {"Origin": PAGE, "Access-Control-Request-Headers": "authorization,content-type"}
        full = await client.send("OPTIONS", "/consumers", headers=asked)
        bare = await client.send("OPTIONS", "/consumers", headers={"Origin": PAGE})
    assert full.status == bare.status == 204
    assert full.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    assert full.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert full.headers["access-control-allow-headers"] == "authorization,content-type"
    assert bare.headers["access-control-allow-headers"] == "Content-Type"
    assert full.headers[ALLOW] == PAGE


async def test_a_configured_page_may_write_and_another_may_not() -> None:
    async with serving(MemoryDatabase(), cors_origins=[PAGE]) as client:

        async def create(name: str, origin: str) -> int:
            answer = await client.send(
                "POST", "/consumers", json={"username": name}, headers={"Origin": origin}
            )
            return answer.status

        assert await create("a", PAGE) == 201
        assert await create("b", "https://evil.example") == 403
