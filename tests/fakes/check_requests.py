"""What Envoy asks, as bytes."""

from collections.abc import Iterable

from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest


def check_request(
    *,
    method: str = "GET",
    path: str = "/",
    headers: Iterable[tuple[str, bytes]] = (),
    raw: bool = True,
    protocol: str = "HTTP/1.1",
    body: bytes = b"",
    size: int | None = None,
    host: str = "",
    route: str | None = None,
) -> CheckRequest:
    """Return the message that Envoy would send, with raw headers or with joined ones."""
    message = CheckRequest()
    http = message.attributes.request.http
    http.method = method
    http.path = path
    http.host = host
    http.protocol = protocol
    http.raw_body = body
    http.size = len(body) if size is None else size
    if raw:
        http.header_map.SetInParent()
        for name, value in headers:
            http.header_map.headers.add(key=name, raw_value=value)
    else:
        for name, value in headers:
            text = value.decode("utf-8", "replace").replace("\ufffd", "!")
            joined = f"{http.headers[name]},{text}" if name in http.headers else text
            http.headers[name] = joined
    if route is not None:
        message.attributes.context_extensions["route"] = route
    return message
