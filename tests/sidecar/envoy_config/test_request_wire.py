"""What the real Envoy writes is read off its bytes: nothing of it is left to protobuf."""

import pytest

from tests.clients.raw_http import get
from tests.fakes.gateway import StartGateway
from tests.fakes.wire_oracle import a_wire, read

REQUESTS = {
    "few headers": ("/", ["api-key: good"]),
    "a query": ("/v1?a=1&api-key=no", ["Api-Key: good", "accept: */*", "empty:"]),
    "long ones": ("/" + "p" * 300, ["api-key: good", "cookie: " + "c" * 3000]),
    "bytes": ("/%ff", ["a: \xff\xfe", "api-key: good"]),
}


@pytest.mark.parametrize(("path", "headers"), REQUESTS.values(), ids=REQUESTS)
async def test_what_envoy_writes_is_read(
    start_gateway: StartGateway, path: str, headers: list[str]
) -> None:
    gateway = await start_gateway()

    for _ in range(2):
        await get(gateway.port, path, *headers)

    wire = a_wire()
    for payload in gateway.checks.payloads:
        asked = read(wire, payload)
        assert asked is not None
        assert asked[1:3] == (b"GET", path.encode())
        assert asked[4] == b"good"
