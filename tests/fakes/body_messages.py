"""What Envoy's ext_proc filter sends in observability mode, built from Envoy's own messages."""

from collections.abc import Mapping

from envoy.service.ext_proc.v3.external_processor_pb2 import HttpHeaders, ProcessingRequest

from tests.fakes.records import record

ID = "0f8e2a1c-1111-4222-8333-444455556666"
TIME = "2024-10-30T04:45:42.005123+00:00"
STARTED = 1_730_263_542_005_123_000  # nanoseconds: the same moment, as the access log says it
ENTRY = record(started=STARTED, request_id=ID, request_body_size=1, response_body_size=1)

_ATTRIBUTES = "envoy.filters.http.ext_proc"


def request_headers(
    headers: Mapping[str, str] | None = None,
    *,
    request_id: str | None = ID,
    time: str | None = TIME,
    ends: bool = False,
    observed: bool = True,
) -> bytes:
    """Return the first message about a request."""
    message = ProcessingRequest(observability_mode=observed)
    _describe(message, request_id, time)
    _fill(message.request_headers, headers or {}, ends=ends)
    return message.SerializeToString()


def response_headers(
    headers: Mapping[str, str] | None = None,
    *,
    request_id: str | None = ID,
    time: str | None = TIME,
    ends: bool = False,
) -> bytes:
    """Return the first message about a response."""
    message = ProcessingRequest(observability_mode=True)
    _describe(message, request_id, time)
    _fill(message.response_headers, headers or {}, ends=ends)
    return message.SerializeToString()


def request_body(chunk: bytes, *, ends: bool = True) -> bytes:
    """Return a part of a request's body."""
    message = ProcessingRequest(observability_mode=True)
    message.request_body.body, message.request_body.end_of_stream = chunk, ends
    return message.SerializeToString()


def response_body(chunk: bytes, *, ends: bool = True) -> bytes:
    """Return a part of a response's body."""
    message = ProcessingRequest(observability_mode=True)
    message.response_body.body, message.response_body.end_of_stream = chunk, ends
    return message.SerializeToString()


def response_trailers() -> bytes:
    """Return what ends the response of a gRPC call."""
    message = ProcessingRequest(observability_mode=True)
    message.response_trailers.SetInParent()
    return message.SerializeToString()


def _describe(message: ProcessingRequest, request_id: str | None, time: str | None) -> None:
    said = {"request.id": request_id, "request.time": time}
    for name, value in said.items():
        if value is not None:
            message.attributes[_ATTRIBUTES].fields[name].string_value = value


def _fill(headers: HttpHeaders, given: Mapping[str, str], *, ends: bool) -> None:
    headers.end_of_stream = ends
    for name, value in given.items():
        headers.headers.headers.add(key=name, raw_value=value.encode())
