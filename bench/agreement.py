"""Contenders are comparable only if they answer the same: asked before any is measured."""

from collections.abc import Sequence

import grpc
from google.protobuf.json_format import MessageToDict

from authsvc.extauthz.pb import extauthz_pb2 as pb
from bench.processes import Server
from bench.traffic import METHOD, callers, check_request


def compare_answers(servers: Sequence[Server]) -> None:
    """Ask every server for the first caller.

    Raises:
        RuntimeError: Two of them answer differently.
    """
    first, *others = servers
    expected = answer_of(first)
    for server in others:
        if (answer := answer_of(server)) != expected:
            raise RuntimeError(f"{server.name} answers {answer}, {first.name} {expected}")


def answer_of(server: Server) -> dict[str, object]:
    """Return the parts of an answer that Envoy acts upon, in an order that does not matter."""
    request = check_request(callers()[0].key)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = pb.CheckResponse.FromString(channel.unary_unary(METHOD)(request, timeout=10))
    allowed = answer.ok_response
    return {
        "code": answer.status.code,
        "kind": answer.WhichOneof("http_response"),
        "headers": {option.header.key: option.header.value for option in allowed.headers},
        "removed": sorted(allowed.headers_to_remove),
        "metadata": MessageToDict(answer.dynamic_metadata),
    }
