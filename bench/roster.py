"""Who is compared: one row for each contender."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from authsvc.identity_headers import CONSUMER_USERNAME
from bench import envoys
from bench.contenders.answers import IDENTITY
from bench.processes import Command
from sidecar.envoy_config.plan import EnvoyPlan

PLAIN = "plain grpc.aio, generated stubs"
GRPCIO = "tollkeeper, grpcio"
HTTP = "tollkeeper, HTTP"
FAST_LANE = "tollkeeper, fast lane"
COMPILED = "tollkeeper, fast lane compiled"
FLOOR = "floor of grpc.aio (constant answer)"
BARE = "floor of the hop (constant answer)"
EDGE_CACHE = "tollkeeper, edge cache"
NO_FILTER = "Envoy without a filter"
API_KEY_AUTH = "Envoy's own api_key_auth"

_OURS = "bench.contenders.tollkeeper"


class Face(Enum):
    """How a server is asked."""

    GRPC = "gRPC"
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that answers checks.

    ``is_compiled``: from a build that may not be there. ``is_constant``: it answers the same
    whatever it is asked. ``is_alone``: it is also measured without an Envoy.
    """

    command: Command
    face: Face = Face.GRPC
    is_compiled: bool = False
    is_constant: bool = False
    is_alone: bool = True


@dataclass(frozen=True, slots=True)
class Gateway:
    """An Envoy: whom it asks (a contender's name, or nobody), and its configuration.

    ``tells``: the headers in which the upstream gets to know who calls. ``refuses``: who is not
    known.
    """

    asks: str | None
    write: Callable[[EnvoyPlan], str] = envoys.as_planned
    tells: tuple[str, ...] = IDENTITY
    refuses: bool = True


CONTENDERS: Mapping[str, Contender] = {
    PLAIN: Contender(Command("bench.contenders.plain")),
    GRPCIO: Contender(Command(_OURS, ("grpcio",))),
    HTTP: Contender(Command(_OURS, ("http",)), face=Face.HTTP),
    FAST_LANE: Contender(Command(_OURS, ("fastlane",))),
    COMPILED: Contender(Command(_OURS, ("fastlane", "compiled")), is_compiled=True),
    EDGE_CACHE: Contender(Command(_OURS, ("fastlane", "edge-cache")), is_alone=False),
    FLOOR: Contender(Command("bench.contenders.floor"), is_constant=True),
    BARE: Contender(Command("bench.contenders.bare"), is_constant=True),
}

GATEWAYS: Mapping[str, Gateway] = {
    NO_FILTER: Gateway(None, envoys.without_filter, tells=(), refuses=False),
    API_KEY_AUTH: Gateway(None, envoys.with_api_key_auth, tells=(CONSUMER_USERNAME,)),
    PLAIN: Gateway(PLAIN),
    GRPCIO: Gateway(GRPCIO),
    HTTP: Gateway(HTTP),
    FAST_LANE: Gateway(FAST_LANE),
    COMPILED: Gateway(COMPILED),
    EDGE_CACHE: Gateway(EDGE_CACHE, envoys.with_edge_cache),
    BARE: Gateway(BARE, refuses=False),
}
