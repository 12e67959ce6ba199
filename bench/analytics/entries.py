"""What is streamed: rich entries as Envoy 1.40 logs them, in messages as its buffer makes them."""

from collections.abc import Iterator, Sequence
from itertools import count

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.json_format import ParseDict

from bench.traffic import Caller, callers

METHOD = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
DISTINCT = 2_000  # entries that are built; what is sent beyond them differs in its ids
NODE = "bench-envoy"
LOG_NAME = "tollkeeper"

_CONSUMERS = 500

Message = tuple[bytes, int]  # and how many entries it has
# What is never the same in two requests has this in it, so that each pass can have its own: the ids
# of the request, the event and the trace, the token in the path, the tag of the response.
_ID = "5eed5eed"


class Traffic:
    """What one worker of an Envoy streams, without end; no request id comes twice."""

    def __init__(self, messages: Sequence[Message], *, worker: int = 0, run: int = 0) -> None:
        """Repeat messages, each time with other ids.

        No two workers share any, nor do two runs: 256 and 4096 are told apart, for 4096 passes.
        """
        self._messages = messages
        self._first = (worker << 24 | run << 12) + 1  # all zeros would be no trace

    def __iter__(self) -> Iterator[Message]:
        """Yield messages."""
        for number in count(self._first):
            start = f"{number:08x}".encode()
            for message, entries in self._messages:
                yield message.replace(_ID.encode(), start), entries


def messages(buffer_size: int) -> list[Message]:
    """Return the distinct entries in messages as Envoy sends them: one leaves when it is full.

    Args:
        buffer_size: Envoy's ``buffer_size_bytes``.
    """
    made = []
    known = callers()[:_CONSUMERS]
    buffered: list[HTTPAccessLogEntry] = []
    size = 0
    for number in range(DISTINCT):
        buffered.append(entry(number, known[number % len(known)]))
        size += buffered[-1].ByteSize()
        if size >= buffer_size or number == DISTINCT - 1:
            made.append((message_of(buffered), len(buffered)))
            buffered, size = [], 0
    return made


def introduction() -> bytes:
    """Return the first message of a stream, in which Envoy says who it is."""
    message = StreamAccessLogsMessage()
    message.identifier.node.id = NODE
    message.identifier.node.cluster = "edge"
    message.identifier.log_name = LOG_NAME
    return message.SerializeToString()


def message_of(entries: list[HTTPAccessLogEntry]) -> bytes:
    """Return a message with entries."""
    message = StreamAccessLogsMessage()
    message.http_logs.log_entry.extend(entries)
    return message.SerializeToString()


def entry(number: int, caller: Caller) -> HTTPAccessLogEntry:
    """Return a call of a consumer that an upstream answered: 1.3 KB, 14 and 8 headers."""
    request_id = f"{_ID}-0000-4000-8000-{number:012x}"
    return ParseDict(
        {
            "common_properties": _common(number, caller),
            "protocol_version": "HTTP2",
            "request": _request(number, request_id),
            "response": _response(number),
        },
        HTTPAccessLogEntry(),
    )


def _common(number: int, caller: Caller) -> dict[str, object]:
    millisecond = number % 1000
    verdict = {
        "result": "allow",
        "reason": "ok",
        "authority": "api.example.com",
        "route": "orders-read",
        "service": "orders",
        "consumer_id": caller.consumer_id,
        "username": caller.username,
        "custom_id": caller.custom_id,
        "credential_id": caller.credential_id,
        "anonymous": False,
        "transaction_id": f"{_ID}-0000-4000-9000-{number:012x}",
    }
    return {
        "downstream_remote_address": _socket(f"203.0.113.{number % 250}", 50_000),
        "downstream_direct_remote_address": _socket("10.1.0.4", 41_000),
        "downstream_local_address": _socket("10.1.0.9", 8443),
        "upstream_remote_address": _socket(f"10.2.0.{number % 20}", 8080),
        "upstream_cluster": "orders",
        "tls_properties": {"tls_version": "TLSv1_3", "tls_sni_hostname": "api.example.com"},
        "start_time": f"2026-11-20T10:{number // 1000 % 60:02d}:07.{millisecond:03d}Z",
        "duration": f"0.{millisecond:03d}500s",
        "time_to_last_rx_byte": "0.000120s",
        "time_to_first_upstream_rx_byte": f"0.{millisecond:03d}200s",
        "time_to_last_upstream_rx_byte": f"0.{millisecond:03d}300s",
        "time_to_last_downstream_tx_byte": f"0.{millisecond:03d}500s",
        "upstream_request_attempt_count": 1,
        "metadata": {"filter_metadata": {"envoy.filters.http.ext_authz": verdict}},
        "access_log_type": "DownstreamEnd",
    }


def _request(number: int, request_id: str) -> dict[str, object]:
    return {
        "request_method": "GET",
        "scheme": "https",
        "authority": "api.example.com",
        "path": f"/v1/orders/{number}?page={number % 7}&limit=20&token={_ID}",
        "user_agent": f"example-client/1.{number % 40}.3 (linux)",
        "referer": f"https://shop.example/baskets/{number}?step=2",
        "forwarded_for": f"203.0.113.{number % 250}",
        "request_id": request_id,
        "request_headers_bytes": 812,
        "request_body_bytes": number % 400,
        "request_headers": {
            ":method": "GET",
            "accept": "application/json",
            "accept-encoding": "gzip, br",
            "cache-control": "no-cache",
            "content-length": str(number % 400),
            "content-type": "application/json",
            "origin": "https://shop.example",
            "traceparent": f"00-{_ID}{number:024x}-{_ID}{number:08x}-01",
            "x-forwarded-proto": "https",
            "x-tenant": f"tenant-{number % 90}",
        },
    }


def _response(number: int) -> dict[str, object]:
    return {
        "response_code": 200 if number % 10 else 404,
        "response_headers_bytes": 310,
        "response_body_bytes": number * 7 % 20_000,
        "response_code_details": "via_upstream",
        "response_headers": {
            "cache-control": "no-store",
            "content-length": str(number * 7 % 20_000),
            "content-type": "application/json",
            "date": "Fri, 20 Nov 2026 10:00:07 GMT",
            "etag": f'"{_ID}{number:08x}"',
            "server": "orders/2.14",
            "vary": "accept-encoding",
            "x-envoy-upstream-service-time": str(number % 1000),
        },
    }


def _socket(address: str, port: int) -> dict[str, object]:
    return {"socket_address": {"address": address, "port_value": port}}
