"""The straightforward version: published stubs, json_format, dicts, json, gzip.

What one writes first from Envoy's published API: each entry becomes a dict, that becomes an event,
and a thousand events become a request.  It is spared what a real one needs: of what may carry a
credential it knows only what it was told, it routes nothing, nothing is bounded or counted.
"""

import asyncio
import gzip
import json
import sys
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import grpc.aio
from envoy.service.accesslog.v3 import als_pb2_grpc
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from google.protobuf.json_format import MessageToDict

from bench.analytics.plugin import (
    APPLICATION_IDS,
    BATCH_SIZE,
    MASKED_HEADERS,
    MASKED_PARAMETERS,
)
from bench.contenders.serving import announce_and_wait, run

Members = dict[str, Any]

MAX_MESSAGE = 16 * 1024 * 1024  # bytes
_PAUSE = 0.2  # seconds between tries, and for a batch to fill
_LEVEL = 6  # zlib's own default, as most use it
_PROTOCOLS = {"HTTP10": "HTTP/1.0", "HTTP11": "HTTP/1.1", "HTTP2": "HTTP/2", "HTTP3": "HTTP/3"}


class AccessLog(als_pb2_grpc.AccessLogServiceServicer):
    """Queues events."""

    def __init__(self) -> None:
        self.queue: deque[Members] = deque()

    async def StreamAccessLogs(  # noqa: N802 - the stub's signature
        self, request_iterator: AsyncIterator[StreamAccessLogsMessage], context: object
    ) -> StreamAccessLogsResponse:
        del context
        sender: Members = {}
        async for message in request_iterator:
            if message.HasField("identifier"):
                sender = MessageToDict(message.identifier, preserving_proto_field_name=True)
            for entry in message.http_logs.log_entry:
                logged = MessageToDict(entry, preserving_proto_field_name=True)
                self.queue.append(event(logged, sender))
        return StreamAccessLogsResponse()


def event(entry: Members, sender: Members) -> Members:
    """Return the event of an entry."""
    common, request = entry["common_properties"], entry["request"]
    said = common["metadata"]["filter_metadata"]["envoy.filters.http.ext_authz"]
    started = timestamp(common["start_time"])
    _, trace_id, span_id, _ = request["request_headers"]["traceparent"].split("-")
    return {
        "request": {
            "time": iso(started),
            "uri": f"{request['scheme']}://{said['authority']}{masked(request['path'])}",
            "verb": request["request_method"],
            "headers": request_headers(request, said["authority"]),
            "api_version": "1.0",
            "ip_address": common["downstream_remote_address"]["socket_address"]["address"],
        },
        "response": {
            "time": iso(started + elapsed(common["duration"])),
            "status": entry["response"]["response_code"],
            "headers": entry["response"]["response_headers"],
            "ip_address": common["upstream_remote_address"]["socket_address"]["address"],
        },
        "user_id": said["custom_id"],
        "session_token": said["credential_id"],
        "trace_id": trace_id,
        "span": {"id": span_id},
        "transaction_id": said["transaction_id"],
        "direction": "Incoming",
        "weight": 1,
        "metadata": metadata(entry, said, sender) | {"trace_id": trace_id, "span_id": span_id},
    }


def metadata(entry: Members, said: Members, sender: Members) -> Members:
    """Return what is known about a call beside its request and its response."""
    common, request, response = entry["common_properties"], entry["request"], entry["response"]
    return {
        "route": said["route"],
        "service": said["service"],
        "cluster": common["upstream_cluster"],
        "consumer": {
            "id": said["consumer_id"],
            "username": said["username"],
            "custom_id": said["custom_id"],
            "credential_id": said["credential_id"],
        },
        "result": said["result"],
        "reason": said["reason"],
        "protocol": _PROTOCOLS[entry["protocol_version"]],
        "response_code_details": response["response_code_details"],
        "attempts": common["upstream_request_attempt_count"],
        "duration_ms": milliseconds(common["duration"]),
        "request_read_ms": milliseconds(common["time_to_last_rx_byte"]),
        "upstream_first_byte_ms": milliseconds(common["time_to_first_upstream_rx_byte"]),
        "upstream_last_byte_ms": milliseconds(common["time_to_last_upstream_rx_byte"]),
        "request_headers_bytes": int(request.get("request_headers_bytes", 0)),
        "request_body_bytes": int(request.get("request_body_bytes", 0)),
        "response_headers_bytes": int(response.get("response_headers_bytes", 0)),
        "response_body_bytes": int(response.get("response_body_bytes", 0)),
        "request_id": request["request_id"],
        "tls_version": common["tls_properties"]["tls_version"].replace("_", "."),
        "server_name": common["tls_properties"]["tls_sni_hostname"],
        "node": sender["node"]["id"],
        "log_name": sender["log_name"],
    }


def request_headers(request: Members, authority: str) -> dict[str, str]:
    """Return the headers that are logged as such, and those that have fields of their own."""
    logged = request["request_headers"].items()
    return {
        **{
            name: masked(value)
            for name, value in logged
            if not name.startswith(":") and name not in MASKED_HEADERS
        },
        "host": authority,
        "user-agent": request["user_agent"],
        "referer": masked(request["referer"]),
        "x-forwarded-for": request["forwarded_for"],
        "x-request-id": request["request_id"],
    }


def masked(url: str) -> str:
    """Return a URL without the values of parameters that carry credentials."""
    query = urlsplit(url).query
    for name, value in parse_qsl(query):
        if name in MASKED_PARAMETERS:
            url = url.replace(f"{name}={value}", f"{name}=*****")
    return url


def timestamp(text: str) -> datetime:
    """Read a Timestamp of proto3 JSON."""
    return datetime.fromisoformat(text)


def iso(time: datetime) -> str:
    """Return a time as the collector has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def elapsed(text: str) -> timedelta:
    """Read a Duration of proto3 JSON."""
    return timedelta(seconds=float(text.removesuffix("s")))


def milliseconds(text: str) -> float:
    """Return a Duration of proto3 JSON in milliseconds."""
    return round(elapsed(text) / timedelta(milliseconds=1), 3)


async def deliver(queue: deque[Members], collector_port: int) -> None:
    """Send what is queued, in order, and what could not be sent again."""
    url = f"http://127.0.0.1:{collector_port}/v1/events/batch"
    headers = {
        "X-Moesif-Application-Id": APPLICATION_IDS["plain"],
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            if len(queue) < BATCH_SIZE:
                await asyncio.sleep(_PAUSE)
            batch = [queue.popleft() for _ in range(min(BATCH_SIZE, len(queue)))]
            body = gzip.compress(json.dumps(batch).encode(), _LEVEL)
            while batch and not await is_taken(session, url, body):  # noqa: ASYNC110 - another's state
                await asyncio.sleep(_PAUSE)


async def is_taken(session: aiohttp.ClientSession, url: str, body: bytes) -> bool:
    """Send a batch; tell whether the collector took it."""
    async with session.post(url, data=body) as answer:
        return answer.ok


async def serve() -> None:
    """Serve until standard input ends."""
    log = AccessLog()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_MESSAGE)])
    als_pb2_grpc.add_AccessLogServiceServicer_to_server(log, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    delivery = asyncio.create_task(deliver(log.queue, int(sys.argv[1])))
    await announce_and_wait(port)
    delivery.cancel()
    await server.stop(None)


if __name__ == "__main__":
    run(serve, runner=asyncio.run)
