"""HTTP mode, with the real face behind the real Envoy."""

from collections.abc import AsyncIterator

import pytest

from authsvc.extauthz.http_listener import serve
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from sidecar.address import parse_address
from tests.clients.raw_http import get
from tests.deadline import eventually
from tests.fakes.authenticator import make_authenticator
from tests.fakes.gateway import Gateway, StartGateway

KEY = "the-key"


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> AsyncIterator[Gateway]:
    config = KeyAuthConfig(hide_credentials=True, key_in_cookie=True)
    authenticator = make_authenticator(config, key=KEY)
    async with serve("127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics()) as address:
        yield await start_gateway(authsvc_http=parse_address(address))


async def test_a_key_is_let_through_with_an_identity_and_hidden(gateway: Gateway) -> None:
    answer = await get(gateway.port, "/a?b=2&apikey=the-key&a=%31", "X-Consumer-Username: evil")

    seen = answer.json()
    assert answer.status == 200
    assert seen["path"] == "/a?b=2&a=%31"
    assert seen["headers"]["x-consumer-username"] == "consumer-1"
    assert seen["headers"]["x-credential-identifier"] == "credential-1"
    assert not [name for name in seen["headers"] if name.startswith("x-tollkeeper")]


async def test_a_key_in_a_header_or_a_cookie_is_hidden(gateway: Gateway) -> None:
    in_header = await get(gateway.port, "/a", f"apikey: {KEY}")
    in_cookie = await get(gateway.port, "/a", f"cookie: a=1; apikey={KEY}; b=2")

    assert "apikey" not in in_header.json()["headers"]
    assert in_cookie.json()["headers"]["cookie"] == "a=1; b=2"


async def test_a_client_cannot_rewrite_the_path_itself(gateway: Gateway) -> None:
    answer = await get(gateway.port, "/a", f"apikey: {KEY}", "x-tollkeeper-path: /admin")

    assert answer.json()["path"] == "/a"


async def test_without_a_key_the_client_gets_kongs_answer_and_no_more(gateway: Gateway) -> None:
    answer = await get(gateway.port, "/a")

    assert answer.status == 401
    assert answer.json()["message"] == "No API key found in request"
    assert answer.headers["www-authenticate"] == "Key"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert not {"reason", "result", "anonymous"} & set(answer.headers)


async def test_the_verdict_is_logged_as_metadata(gateway: Gateway) -> None:
    await get(gateway.port, "/a", f"apikey: {KEY}")
    await eventually(lambda: bool(gateway.log.entries), "a log entry")

    metadata = gateway.log.entries[0].common_properties.metadata.filter_metadata
    verdict = metadata["envoy.filters.http.ext_authz"]
    assert verdict["username"] == "consumer-1"
    assert verdict["result"] == "allow"
    assert verdict["route"] == "all"
