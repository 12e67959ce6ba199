"""What a client says about its own identity is gone before anyone reads it."""

import pytest

from sidecar.envoy_config.plan import PlannedRoute
from sidecar.envoy_config.stripping import IDENTITY_HEADERS
from tests.clients.raw_http import get
from tests.fakes.check_service import allow
from tests.fakes.gateway import StartGateway

SEPARATORS = "-_.~!"


@pytest.mark.parametrize("key_name", ["apikey", "api_key"])
async def test_no_spelling_of_an_identity_header_gets_through(
    start_gateway: StartGateway, key_name: str
) -> None:
    gateway = await start_gateway(secret_headers=(key_name,))
    spellings = [
        name.upper().replace("-", separator)
        for name in IDENTITY_HEADERS
        for separator in SEPARATORS
    ]
    spellings += ["X_Consumer-Id", "X-Consumer_Custom-ID"]

    seen = (await get(gateway.port, "/", *(f"{name}: evil" for name in spellings))).json()

    assert "evil" not in str(seen["headers"])
    checked = gateway.checks.seen[0].attributes.request.http.header_map.headers
    assert b"evil" not in [header.raw_value for header in checked]


async def test_what_authsvc_says_stays(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    said = dict.fromkeys(IDENTITY_HEADERS, "good")
    gateway.checks.answer = lambda _request: allow(set_headers=said)

    seen = (await get(gateway.port, "/", "x-consumer-id: evil", "x-consumer-id: evil")).json()

    assert said.items() <= seen["headers"].items()


async def test_a_route_cannot_be_chosen_by_a_spoofed_identity(start_gateway: StartGateway) -> None:
    vip = PlannedRoute(name="vip", upstream="echo", headers={"X-Consumer-ID": ("vip",)})
    rest = PlannedRoute(name="rest", upstream="echo")
    gateway = await start_gateway(routes=(vip, rest))

    await get(gateway.port, "/", "x-consumer-id: vip")

    assert gateway.checks.seen[0].attributes.context_extensions["route"] == "rest"


async def test_a_key_in_a_header_with_an_underscore_gets_to_authsvc(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(secret_headers=("api_key",))

    await get(gateway.port, "/", "api_key: K")

    headers = gateway.checks.seen[0].attributes.request.http.header_map.headers
    assert ("api_key", b"K") in [(header.key, header.raw_value) for header in headers]


async def test_other_headers_with_underscores_are_dropped(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()

    seen = (await get(gateway.port, "/", "x_other: 1", "x-other: 2")).json()

    assert "x_other" not in seen["headers"]
    assert seen["headers"]["x-other"] == "2"
