"""Contenders are comparable only if they answer the same: asked before any is measured."""

from collections.abc import Mapping, Sequence

import aiohttp
import grpc.aio
from google.protobuf.json_format import MessageToDict

from authsvc.extauthz.pb import extauthz_pb2 as pb
from bench.contenders.answers import allow_headers
from bench.envoys import SEEN_HEADERS, SEEN_PATH
from bench.http_traffic import check_headers
from bench.processes import Server
from bench.traffic import (
    AUTHORITY,
    KEY_HEADER,
    METHOD,
    PATH,
    asked_callers,
    callers,
    check_request,
    requests,
)
from bench.traffic import client_headers as headers_with

_UNKNOWN_KEY = "bench-unknown"
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class DisagreementError(Exception):
    """Two contenders answer differently, or one answers wrongly: comparing them says nothing."""


async def compare_answers(servers: Sequence[Server]) -> None:
    """Ask every gRPC server for the first caller.

    Raises:
        DisagreementError: Two of them answer differently.
    """
    first, *others = servers
    expected = await answer_of(first)
    for server in others:
        if (answer := await answer_of(server)) != expected:
            raise DisagreementError(f"{server.name} answers {answer}, {first.name} {expected}")


async def compare_callers(server: Server) -> None:
    """Ask a gRPC server for every caller that the load asks for; this also warms it up.

    Raises:
        DisagreementError: It takes one of them for somebody else.
    """
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary(METHOD)
        for caller in asked_callers():
            answer = pb.CheckResponse.FromString(await check(check_request(caller.key), timeout=10))
            told = {option.header.key: option.header.value for option in answer.ok_response.headers}
            if told != allow_headers(caller):
                raise DisagreementError(f"{server.name} takes {caller.username} for {told}")


async def answer_of(server: Server) -> dict[str, object]:
    """Return the parts of an answer that Envoy acts upon, in an order that does not matter."""
    request = check_request(callers()[0].key)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = pb.CheckResponse.FromString(await channel.unary_unary(METHOD)(request, timeout=10))
    allowed = answer.ok_response
    return {
        "code": answer.status.code,
        "kind": answer.WhichOneof("http_response"),
        "headers": {option.header.key: option.header.value for option in allowed.headers},
        "removed": sorted(allowed.headers_to_remove),
        "metadata": MessageToDict(answer.dynamic_metadata),
    }


async def answer_size(port: int) -> int:
    """Return how large the message is with which a gRPC server answers the first caller."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        return len(await channel.unary_unary(METHOD)(requests()[0], timeout=10))


async def compare_http(server: Server) -> None:
    """Ask a server over HTTP as Envoy would; its answer has to name the first caller.

    Raises:
        DisagreementError: It answers something else.
    """
    status, headers = await _get(server.port, PATH, {**check_headers(), "host": AUTHORITY})
    expected = allow_headers(callers()[0])
    told = {name: headers.get(name) for name in expected}
    if status != 200 or told != expected:
        raise DisagreementError(f"{server.name} answers {status} {told}, not 200 {expected}")


async def compare_gateway(name: str, port: int, *, tells: Sequence[str], refuses: bool) -> None:
    """Ask an Envoy with the first caller's key, and with one that nobody has.

    Args:
        name: Whom to blame.
        port: Where it listens.
        tells: The headers in which the upstream gets to know who calls; without any, nothing is
            checked. Where there are some, the key has to be hidden from it.
        refuses: Whether it has to refuse a key that nobody has, or to let that through.

    Raises:
        DisagreementError: It lets through what it should not, or tells something else.
    """
    caller = callers()[0]
    expected = dict.fromkeys(SEEN_HEADERS, "-")
    expected |= {header: allow_headers(caller)[header] for header in tells}
    expected[KEY_HEADER] = "-" if tells else caller.key
    for _ in range(2):  # the second time whatever remembers answers has one
        status, headers = await _get(port, SEEN_PATH, headers_with(caller.key))
        seen = {name: headers.get(f"seen-{name}", "-") for name in SEEN_HEADERS}
        if status != 200 or seen != expected:
            raise DisagreementError(f"{name}: the upstream sees {status} {seen}, not {expected}")
    refused, _ = await _get(port, PATH, headers_with(_UNKNOWN_KEY))
    if refused != (401 if refuses else 200):
        raise DisagreementError(f"{name}: a key that nobody has is answered with {refused}")


async def _get(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers
