import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from sidecar.demo.collector import Event, running_collector
from tests.fakes.collector import Collector as Moesif
from tests.fakes.collector import Reply

EVENTS = [{"request": {"uri": "http://a.test/"}}, {"request": {"uri": "http://b.test/"}}]
BODY = json.dumps(EVENTS).encode()
HEADERS = {"X-Moesif-Application-Id": "application"}


@dataclass
class Told:
    accepted: list[Event] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def accept(self, events: Sequence[Event]) -> None:
        self.accepted.extend(events)


async def post(url: str, body: bytes, **headers: str) -> int:
    all_headers = {**HEADERS, **{name.replace("_", "-"): text for name, text in headers.items()}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/events/batch", data=body, headers=all_headers) as answer,
    ):
        return answer.status


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (gzip.compress(BODY), {"Content_Encoding": "gzip"}),
        (zlib.compress(BODY), {"Content_Encoding": "deflate"}),
    ],
    ids=["plain", "gzip", "deflate"],
)
async def test_events_are_taken_in_every_encoding(body: bytes, headers: dict[str, str]) -> None:
    told = Told()
    async with running_collector(accepted=told.accept, refused=told.refused.append) as url:
        assert await post(url, body, **headers) == 201

    assert told == Told(accepted=EVENTS)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"[", {}, 400),
        (b"{}", {}, 400),
        (b"[]", {"X_Moesif_Application_Id": ""}, 401),
    ],
)
async def test_what_is_no_batch_of_events_is_refused(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    told = Told()
    async with running_collector(accepted=told.accept, refused=told.refused.append) as url:
        assert await post(url, body, **headers) == status

    assert told.accepted == []


@pytest.mark.parametrize("path", ["/v1/config", "/v1/rules"])
async def test_it_has_a_configuration_and_rules(path: str) -> None:
    told = Told()
    async with (
        running_collector(accepted=told.accept, refused=told.refused.append) as url,
        aiohttp.ClientSession() as session,
        session.get(url + path) as answer,
    ):
        assert (answer.status, await answer.json()) in [(200, {}), (200, [])]


async def pass_on(answer: Any) -> tuple[Told, Moesif, int]:
    told = Told()
    async with (
        Moesif(answer) as moesif,
        running_collector(
            accepted=told.accept, refused=told.refused.append, moesif=moesif.url
        ) as url,
    ):
        status = await post(url, gzip.compress(BODY), Content_Encoding="gzip")
    return told, moesif, status


async def test_what_moesif_takes_is_passed_on_and_told() -> None:
    told, moesif, status = await pass_on(201)

    assert (status, told) == (201, Told(accepted=EVENTS))
    assert moesif.events == EVENTS
    assert moesif.posts[0].headers["x-moesif-application-id"] == "application"


async def test_what_moesif_refuses_is_not_told_as_taken() -> None:
    told, _, status = await pass_on(Reply(401))

    assert (status, told) == (401, Told(refused=[401]))


async def test_a_moesif_that_is_away_is_a_reason_to_try_again() -> None:
    told = Told()
    async with running_collector(
        accepted=told.accept, refused=told.refused.append, moesif="http://127.0.0.1:1"
    ) as url:
        assert await post(url, BODY) == 502

    assert told == Told(refused=[502])
