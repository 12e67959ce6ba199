"""Bodies through the real Envoy, with the real faces behind it."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from authsvc.extauthz.grpc import serve
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from sidecar.address import parse_address
from sidecar.envoy_config.plan import BodyUse, PlannedRoute
from tests.clients.raw_http import Response, exchange, send
from tests.deadline import eventually
from tests.fakes.authenticator import make_authenticator
from tests.fakes.gateway import Gateway, StartGateway

KEY = "the-key"
FORM = "content-type: application/x-www-form-urlencoded"

UPLOAD = b'--x\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\n1\r\n--x--\r\n'


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> AsyncIterator[Gateway]:
    config = KeyAuthConfig(hide_credentials=True, key_in_body=True)
    authenticator = make_authenticator(config, key=KEY)
    async with serve(
        "127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics(), drain_seconds=0
    ) as address:
        route = PlannedRoute(name="all", upstream="echo", body=BodyUse.HIDE)
        yield await start_gateway(authsvc=parse_address(address), routes=(route,))


async def post(gateway: Gateway, body: bytes, *headers: str) -> Response:
    return await send(gateway.port, "/a", *headers, method="POST", body=body)


BODIES = {
    "form": (FORM, b"c=valu%651&apikey=the-key&a", "c=valu%651&a"),
    "form with nothing else": (FORM, b"apikey=the-key", ""),
    "json": ("content-type: application/json", b'{ "a": 1,"apikey":"the-key" }', '{ "a": 1}'),
    "multipart": (
        "content-type: multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="apikey"\r\n\r\nthe-key\r\n' + UPLOAD,
        UPLOAD.decode(),
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_key_in_a_body_is_let_through_and_hidden(gateway: Gateway, name: str) -> None:
    content_type, body, expected = BODIES[name]

    answer = await post(gateway, body, content_type)

    assert answer.status == 200
    assert answer.json()["body"] == expected
    assert answer.json()["headers"]["content-length"] == str(len(expected))


async def test_a_body_without_a_key_passes_as_it_is(gateway: Gateway) -> None:
    answer = await post(gateway, b"a=+%31&b", FORM, f"apikey: {KEY}")

    assert answer.json()["body"] == "a=+%31&b"


async def test_a_larger_body_is_let_through_without_its_key(gateway: Gateway) -> None:
    rest = b"pad=" + b"x" * 20_000

    answer = await post(gateway, b"apikey=copy&" + rest, FORM, f"apikey: {KEY}")

    assert answer.json()["body"] == rest.decode()


async def test_a_large_body_of_another_type_is_not_held_up(gateway: Gateway) -> None:
    body = b"x" * 300_000

    answer = await post(gateway, body, "content-type: text/plain", f"apikey: {KEY}")

    assert answer.json()["body"] == body.decode()


LARGE = {
    FORM: b"apikey=copy&pad=",
    "content-type: application/json": b'{"apikey":"copy","pad":"',
    "content-type: multipart/form-data; boundary=x": (
        b'--x\r\ncontent-disposition: form-data; name="apikey"\r\n\r\n'
    ),
}


@pytest.mark.parametrize("content_type", LARGE)
async def test_a_body_too_large_to_hide_its_key_is_refused(
    gateway: Gateway, content_type: str
) -> None:
    lines = ["POST /a HTTP/1.1", "host: a", content_type, f"apikey: {KEY}"]
    lines.append("content-length: 1000000")
    begun = LARGE[content_type] + b"x" * 100_000  # the answer comes before the rest

    with suppress(ConnectionError):  # Envoy answers, and hangs up on what still comes
        await exchange(gateway.port, "\r\n".join([*lines, "", ""]).encode() + begun)
    await eventually(lambda: bool(gateway.log.entries), "a log entry")

    assert gateway.log.entries[0].response.response_code.value == 413
    assert not gateway.log.entries[0].common_properties.upstream_remote_address.ByteSize()


async def test_without_a_key_no_body_reaches_the_upstream(gateway: Gateway) -> None:
    assert (await post(gateway, b"a=1", FORM)).status == 401
