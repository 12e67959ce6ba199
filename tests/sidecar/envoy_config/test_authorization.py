"""The ext_authz filter as the real Envoy runs it."""

import time

import pytest

from authsvc.extauthz.pb import extauthz_pb2
from sidecar.address import TcpAddress
from sidecar.envoy_config.plan import PlannedRoute
from tests.clients.raw_http import get
from tests.fakes.check_service import allow, deny
from tests.fakes.gateway import StartGateway


async def test_a_denied_request_never_reaches_the_upstream(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    gateway.checks.answer = lambda _request: deny()

    answer = await get(gateway.port)

    assert (answer.status, answer.body) == (401, b"")


async def test_an_answer_that_takes_a_moment_is_waited_for(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()

    def answer(_request: extauthz_pb2.CheckRequest) -> extauthz_pb2.CheckResponse:
        time.sleep(0.25)  # as a database may take
        return allow()

    gateway.checks.answer = answer

    assert (await get(gateway.port)).status == 200
    assert len(gateway.checks.seen) == 1


@pytest.mark.parametrize("name", ["apikey", "X-Some-Key_9", "authorization", "Host-Key", "x-tk"])
async def test_a_key_can_be_hidden_whatever_its_headers_name(
    start_gateway: StartGateway, name: str
) -> None:
    gateway = await start_gateway(secret_headers=(name,))
    gateway.checks.answer = lambda _request: allow(remove=(name,))

    seen = (await get(gateway.port, "/", f"{name}: K", f"{name}: K2")).json()

    assert name.lower() not in seen["headers"]


async def test_a_rewritten_path_reaches_the_upstream_byte_for_byte(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()
    gateway.checks.answer = lambda _request: allow(set_headers={":path": "/p?b=2&&flag&a=%2f+1"})

    seen = (await get(gateway.port, "/p?b=2&&apikey=K&flag&a=%2f+1")).json()

    assert seen["path"] == "/p?b=2&&flag&a=%2f+1"


async def test_authsvc_cannot_redirect_a_request_or_change_where_its_body_ends(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()
    gateway.checks.answer = lambda _request: allow(
        set_headers={
            ":method": "DELETE",
            ":authority": "evil.test",
            "host": "evil.test",
            ":scheme": "https",
            "content-length": "5",
            "transfer-encoding": "chunked",
            "x-forwarded-for": "6.6.6.6",
            "x-envoy-original-path": "/evil",
        }
    )

    seen = (await get(gateway.port, "/p")).json()

    assert (seen["method"], seen["headers"]["host"], seen["body"]) == ("GET", "gateway.test", "")
    assert seen["headers"]["x-forwarded-for"] != "6.6.6.6"
    assert not {"content-length", "transfer-encoding", "x-envoy-original-path"} & set(
        seen["headers"]
    )
    assert seen["headers"]["x-forwarded-proto"] == "http"


async def test_an_answer_that_would_smuggle_a_header_is_refused(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()
    gateway.checks.answer = lambda _request: allow(set_headers={"x-consumer-id": "a\r\nx-evil: b"})

    assert (await get(gateway.port)).status == 500


async def test_repeated_headers_reach_authsvc_apart_and_unchanged(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()

    await get(gateway.port, "/", "apikey: one,two", "apikey: thr\xe9")

    headers = gateway.checks.seen[0].attributes.request.http.header_map.headers
    assert [h.raw_value for h in headers if h.key == "apikey"] == [b"one,two", b"thr\xe9"]


async def test_authsvc_learns_route_and_service_in_both_forms(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        routes=(PlannedRoute(name="orders", service="shop", upstream="echo"),)
    )

    await get(gateway.port)

    attributes = gateway.checks.seen[0].attributes
    assert dict(attributes.context_extensions) == {"route": "orders", "service": "shop"}
    typed = attributes.route_metadata_context.filter_metadata["tollkeeper"]
    assert dict(typed.items()) == {"route": "orders", "service": "shop"}


async def test_an_answer_that_is_an_error_is_503(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()

    def fail(_request: extauthz_pb2.CheckRequest) -> extauthz_pb2.CheckResponse:
        raise RuntimeError("authsvc is broken")

    gateway.checks.answer = fail

    assert (await get(gateway.port, "/", "x-consumer-id: evil")).status == 503


async def test_without_authsvc_every_request_is_503(
    start_gateway: StartGateway, unused_address: TcpAddress
) -> None:
    gateway = await start_gateway(authsvc=unused_address)

    assert (await get(gateway.port)).status == 503


async def test_a_request_to_upgrade_is_not_let_through(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    upgrade = ("upgrade: websocket", "connection: upgrade", "sec-websocket-key: a")

    assert (await get(gateway.port, "/", *upgrade)).status == 403
