"""Check requests as protobuf reads them: `envoy.service.auth.v3`, and nothing of it beyond here.

Answers are written by ``response_wire``.
"""

from google.protobuf.message import DecodeError

from authsvc.errors import AuthServiceError
from authsvc.extauthz.pb.extauthz_pb2 import AttributeContext, CheckRequest
from authsvc.request import Request

METADATA_NAMESPACE = "tollkeeper"
_PARTIAL_BODY = "x-envoy-auth-partial-body"


class CodecError(AuthServiceError):
    """The bytes are no CheckRequest about an HTTP request for one host."""


def decode(payload: bytes) -> Request:
    """Read a CheckRequest.

    Raises:
        CodecError: It is none.
    """
    return request_of(parse(payload))


def parse(payload: bytes) -> AttributeContext:
    """Return what a CheckRequest tells, as protobuf has it.

    Raises:
        CodecError: It is none.
    """
    try:
        return CheckRequest.FromString(payload).attributes
    except DecodeError:
        raise CodecError("not a CheckRequest") from None


def are_peers(part: bytes) -> bool:
    """Tell whether bytes are a part of an AttributeContext; peers, where there is nothing else."""
    try:
        AttributeContext.FromString(part)
    except DecodeError:
        return False
    return True


def names_in(part: bytes) -> tuple[str | None, str | None] | None:
    """Return what ``names_of`` does for the part of an AttributeContext that follows its request.

    None if it is no such part: it says more, or is damaged.
    """
    try:
        attributes = AttributeContext.FromString(part)
    except DecodeError:
        return None
    says_more = map(attributes.HasField, ("source", "destination", "request"))
    return None if any(says_more) else names_of(attributes)


def request_of(attributes: AttributeContext) -> Request:
    """Return the request that is asked about.

    Raises:
        CodecError: It is no HTTP request for one host.
    """
    http = attributes.request.http
    if not http.method:
        raise CodecError("a CheckRequest without an HTTP request")
    if "," in http.host:
        raise CodecError("a request with several hosts")
    joined = not http.HasField("header_map")
    headers = _headers(http)
    route, service = names_of(attributes)
    return Request(
        method=http.method,
        path=http.path,
        headers=headers,
        joined=joined,
        body=_body(http, headers),
        authority=http.host or None,
        client_address=attributes.source.address.socket_address.address or None,
        route=route,
        service=service,
    )


def _headers(http: AttributeContext.HttpRequest) -> tuple[tuple[str, bytes], ...]:
    if http.HasField("header_map"):
        return tuple(
            (header.key.lower(), header.raw_value or header.value.encode())
            for header in http.header_map.headers
        )
    return tuple((name.lower(), value.encode()) for name, value in http.headers.items())


def _body(
    http: AttributeContext.HttpRequest, headers: tuple[tuple[str, bytes], ...]
) -> bytes | None:
    body = http.raw_body or http.body.encode()
    if not body or http.size > len(body):
        return None
    if any(name == _PARTIAL_BODY and b"true" in value.lower() for name, value in headers):
        return None
    return body


def names_of(attributes: AttributeContext) -> tuple[str | None, str | None]:
    """Return the names of the route and the service, as Envoy's configuration gives them."""
    metadata = attributes.route_metadata_context.filter_metadata
    if METADATA_NAMESPACE in metadata:
        fields = metadata[METADATA_NAMESPACE].fields
        typed = {name: fields[name].string_value for name in ("route", "service") if name in fields}
        if any(typed.values()):
            return typed.get("route") or None, typed.get("service") or None
    extensions = attributes.context_extensions
    return extensions.get("route") or None, extensions.get("service") or None
