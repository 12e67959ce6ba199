"""What is asked: the keys that exist, and the requests as Envoy sends them."""

from dataclasses import dataclass

KEYS = 10_000  # consumers with one key each, in every contender
ASKED = 1_000  # of them are asked for, in turn: more than one hot key, as in life
METHOD = "/envoy.service.auth.v3.Authorization/Check"
AUTHORITY = "api.example.com"
PATH = "/v1/items/42?page=3&limit=20"
KEY_HEADER = "apikey"
ROUTE, SERVICE = "items", "catalogue"
CLIENT_HEADERS = {
    "user-agent": "example-client/1.2.3 (linux)",
    "accept": "application/json",
}
# What Envoy sends with each check beside what HTTP/2 asks for.
GRPC_HEADERS = {
    "te": "trailers",
    "content-type": "application/grpc",
    "grpc-timeout": "1000m",
    "x-envoy-internal": "true",
    "x-forwarded-for": "192.0.2.20",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A consumer and its key; all of equal length, so that all answers are of equal size."""

    consumer_id: str
    username: str
    custom_id: str
    credential_id: str
    key: str


def callers() -> list[Caller]:
    """Make the same consumers in every process."""
    return [
        Caller(
            consumer_id=f"c0000000-0000-4000-8000-{number:012d}",
            username=f"consumer-{number:05d}",
            custom_id=f"custom-{number:05d}",
            credential_id=f"d0000000-0000-4000-8000-{number:012d}",
            key=f"bench{number:027d}",
        )
        for number in range(KEYS)
    ]


def asked_callers() -> list[Caller]:
    """Return the callers that are asked for."""
    return callers()[:: KEYS // ASKED]


def requests() -> list[bytes]:
    """Return the serialized CheckRequests of the callers that are asked for."""
    return [check_request(caller.key) for caller in asked_callers()]


def client_headers(key: str | None = None) -> dict[str, str]:
    """Return the headers that a client sends to Envoy with a key, the first caller's if none."""
    return {**CLIENT_HEADERS, KEY_HEADER: key or callers()[0].key}


def check_request(key: str) -> bytes:
    """Return a CheckRequest as Envoy 1.40 sends it with ``encode_raw_headers: true``."""
    headers = {
        ":authority": AUTHORITY,
        ":path": PATH,
        ":method": "GET",
        ":scheme": "http",
        **CLIENT_HEADERS,
        KEY_HEADER: key,
        "x-forwarded-for": "192.0.2.10",
        "x-forwarded-proto": "http",
        "x-envoy-internal": "true",
        "x-request-id": "5f0f5f6a-7d0b-4d2c-9b7e-2d1f3c4b5a69",
    }
    # Servers import this module for the callers, and some of them need no protobuf.
    from authsvc.extauthz.pb import extauthz_pb2 as pb  # noqa: PLC0415 - as above

    request = pb.CheckRequest()
    attributes = request.attributes
    attributes.source.address.socket_address.address = "192.0.2.10"
    attributes.source.address.socket_address.port_value = 51234
    attributes.destination.address.socket_address.address = "192.0.2.20"
    attributes.destination.address.socket_address.port_value = 8000
    attributes.request.time.FromSeconds(1_800_000_000)
    http = attributes.request.http
    http.id = "1234567890123456789"
    http.method = headers[":method"]
    http.path = headers[":path"]
    http.host = headers[":authority"]
    http.scheme = headers[":scheme"]
    http.protocol = "HTTP/1.1"
    http.header_map.headers.extend(
        pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in headers.items()
    )
    attributes.context_extensions.update(route=ROUTE, service=SERVICE)
    attributes.metadata_context.SetInParent()
    attributes.route_metadata_context.SetInParent()
    return request.SerializeToString()
