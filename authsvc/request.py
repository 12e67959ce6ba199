"""A request as the decision sees it: plain values, whatever face it came through."""

from collections.abc import Iterator
from dataclasses import dataclass, field

_GRPC = b"application/grpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that Envoy asks about.

    Attributes:
        method: As sent, such as ``GET``.
        path: Path and query, as the upstream would see it; empty for CONNECT.
        headers: Names in lower case, values as bytes, in order, repeated lines apart.
        joined: The face could not keep repeated lines apart: a value with a comma may be several.
        body: The whole body; None if there is none, or not all of it, or Envoy did not send it.
        authority: The host that the client asked, before Envoy rewrites it for an upstream.
        client_address: The client's address as Envoy resolved it, if it said.
        route: The name of the route, if Envoy gave one.
        service: The name of the service, if Envoy gave one.
    """

    method: str
    path: str = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    joined: bool = False
    body: bytes | None = field(default=None, repr=False)
    authority: str | None = None
    client_address: str | None = None
    route: str | None = None
    service: str | None = None

    def values(self, name: str) -> Iterator[bytes]:
        """Yield the values of one header, given in lower case."""
        return (value for header, value in self.headers if header == name)

    def first(self, name: str) -> str:
        """Return the first value of one header as text, empty if there is none."""
        return next(self.values(name), b"").decode("utf-8", "replace")

    @property
    def is_grpc(self) -> bool:
        """Whether Envoy answers the caller in gRPC: it goes by the content type, in HTTP/1 also."""
        return names_grpc(next(self.values("content-type"), b""))


def names_grpc(content_type: bytes) -> bool:
    """Tell whether a content type is that of a gRPC call."""
    return content_type == _GRPC or content_type.startswith(_GRPC + b"+")
