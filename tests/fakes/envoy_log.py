"""What Envoy's access logger sends, built from Envoy's own published messages."""

from collections.abc import Mapping
from typing import Any

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.json_format import ParseDict

START = "2024-10-30T04:45:42.005Z"


def entry(**changes: Any) -> HTTPAccessLogEntry:
    """Return a GET of https://api.example.com/items?x=1 that was answered with 200.

    ``common``, ``request`` and ``response`` change members, in proto3 JSON; None removes one.
    """
    parts = {
        "common": {
            "start_time": START,
            "duration": "0.120s",
            "downstream_remote_address": socket("203.0.113.5"),
            "stream_id": "s-1",
        },
        "request": {
            "request_method": "GET",
            "scheme": "https",
            "authority": "api.example.com",
            "path": "/items?x=1",
        },
        "response": {"response_code": 200},
    }
    for name, changed in changes.items():
        merged = parts[name] | changed
        parts[name] = {key: value for key, value in merged.items() if value is not None}
    return from_json(
        {
            "common_properties": parts["common"],
            "protocol_version": "HTTP11",
            "request": parts["request"],
            "response": parts["response"],
        }
    )


def socket(address: str, port: int = 40000) -> dict[str, Any]:
    """Return an address in proto3 JSON."""
    return {"socket_address": {"address": address, "port_value": port}}


def said(**metadata: Any) -> dict[str, Any]:
    """Return the ``common`` member that carries authsvc's dynamic metadata."""
    return {"metadata": {"filter_metadata": {"envoy.filters.http.ext_authz": metadata}}}


def from_json(json: Mapping[str, Any]) -> HTTPAccessLogEntry:
    """Return an entry that is given in proto3 JSON."""
    return ParseDict(json, HTTPAccessLogEntry())


def message(*entries: HTTPAccessLogEntry, node: str | None = None) -> bytes:
    """Return a StreamAccessLogsMessage; with a node it is the first of its stream."""
    built = StreamAccessLogsMessage()
    built.http_logs.log_entry.extend(entries)
    if node is not None:
        built.identifier.log_name = "analytics"
        built.identifier.node.id = node
    return built.SerializeToString()
