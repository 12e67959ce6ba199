"""TLS in front of the fast lane, by clients that are not ours."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest

from authsvc.extauthz.fastlane import face
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from sidecar.tls import client_context, server_context
from tests.fakes.authenticator import make_authenticator
from tests.fakes.certificates import Authority, Pair
from tests.fakes.check_requests import check_request

CHECK = "/envoy.service.auth.v3.Authorization/Check"
GOOD = check_request(headers=[("apikey", b"good")]).SerializeToString()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture(scope="module")
def envoy(authority: Authority) -> Pair:
    return authority.issue("envoy")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Authority(tmp_path_factory.mktemp("theirs"), "stranger").issue("envoy")


@asynccontextmanager
async def serving(
    pair: Pair | None, *, ca: Path | None = None, age_seconds: float | None = None
) -> AsyncIterator[str]:
    tls = pair and server_context(
        cert_file=str(pair.cert),
        key_file=str(pair.key),
        client_ca_file=str(ca) if ca else None,
        name="authsvc.tls",
        protocols=("h2",),
    )
    authenticator = make_authenticator(KeyAuthConfig(), key="good")
    async with face.serve(
        "127.0.0.1:0",
        authenticator=authenticator,
        metrics=NullMetrics(),
        tls=tls,
        age_seconds=age_seconds,
    ) as address:
        yield address


async def ask(address: str, authority: Authority, shown: Pair | None = None) -> int:
    """Return the status of a check."""
    credentials = grpc.ssl_channel_credentials(
        authority.cert.read_bytes(),
        *((shown.key.read_bytes(), shown.cert.read_bytes()) if shown else ()),
    )
    async with grpc.aio.secure_channel(address, credentials) as channel:
        answer = await channel.unary_unary(CHECK)(GOOD, timeout=20)
    code: int = CheckResponse.FromString(answer).status.code
    return code


async def test_checks_are_answered_over_tls(pair: Pair, authority: Authority) -> None:
    async with serving(pair) as address:
        assert await ask(address, authority) == 0


async def test_a_client_with_the_right_certificate_comes_in(
    pair: Pair, authority: Authority, envoy: Pair
) -> None:
    async with serving(pair, ca=authority.cert) as address:
        assert await ask(address, authority, envoy) == 0


async def test_a_client_without_a_certificate_of_ours_does_not(
    pair: Pair, authority: Authority, stranger: Pair
) -> None:
    async with serving(pair, ca=authority.cert) as address:
        for shown in (None, stranger):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(address, authority, shown)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_http2_is_what_is_agreed_on(pair: Pair, authority: Authority) -> None:
    context = client_context(ca_file=str(authority.cert), cert_file=None)
    context.set_alpn_protocols(["http/1.1", "h2"])
    async with serving(pair) as address:
        host, _, port = address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        spoken: ssl.SSLObject = writer.get_extra_info("ssl_object")

        assert spoken.selected_alpn_protocol() == "h2"
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


async def test_without_tls_nothing_is_said(pair: Pair) -> None:
    async with serving(pair) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")

        assert await reader.read() in {
            b"",
            b"\x15\x03\x01\x00\x02\x02F",
            b"\x15\x03\x03\x00\x02\x02F",
        }
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


async def test_an_old_connection_gives_way_and_no_check_is_lost() -> None:
    async with serving(None, age_seconds=0.0) as address:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            states: list[grpc.ChannelConnectivity] = []
            watching = asyncio.create_task(_watch(channel, states))
            asked = 0
            while states.count(grpc.ChannelConnectivity.IDLE) < 2:
                answer = await channel.unary_unary(CHECK)(GOOD, timeout=20)
                assert CheckResponse.FromString(answer).status.code == 0
                asked += 1
                await asyncio.sleep(0.02)
            watching.cancel()
            await asyncio.wait((watching,))
        assert asked > 1


async def _watch(channel: grpc.aio.Channel, states: list[grpc.ChannelConnectivity]) -> None:
    while True:
        states.append(channel.get_state())
        await channel.wait_for_state_change(states[-1])
