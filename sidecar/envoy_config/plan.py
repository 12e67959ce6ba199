"""What an Envoy of ours is to do, in plain values; ``bootstrap`` makes the configuration of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from sidecar.address import Address, TcpAddress, is_ip, is_loopback

TRUSTED_CA = "/etc/ssl/certs/ca-certificates.crt"  # Debian's name for it, and Alpine's


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A backend by a unique name; ``http2`` for gRPC servers (without ``tls``: h2c)."""

    name: str
    address: Address
    http2: bool = False
    tls: bool = False
    connect_timeout: float = 5.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a path starts with: literal text, or (``regex``) an expression in RE2's syntax."""

    text: str
    regex: bool = False


class BodyUse(Enum):
    """What a route's configuration needs of request bodies."""

    NONE = "none"
    READ = "read"  # authsvc looks into them, for a key or for governance rules
    HIDE = "hide"  # and a key is to be taken out of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Which bodies analytics gets to see."""

    request: bool = False
    response: bool = False

    @property
    def anything(self) -> bool:
        """Whether it gets to see any."""
        return self.request or self.response


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRoute:
    """Requests that match everything given here go to the upstream of that name.

    Attributes:
        name: Told to authsvc and analytics; several routes may carry one name.
        service: Told to authsvc beside it, where there is a service.
        upstream: The ``Upstream``'s name.
        path: None matches every path.
        hosts: Any of these, without regard to case; ``*.example.com`` and ``example.*`` too.
            Without a port a host matches whatever port the client wrote.
        methods: Any of these.
        headers: Each of these with any of its values, without regard to case; a single value
            ``~*…`` is a regular expression.
        grpc_only: Only gRPC requests match.
        secure_only: Requests that came to Envoy, or to the trusted hops before it, without TLS are
            told to use it.
        strip_path: Takes the matched part off the path.
        path_prefix: Put before the path, no slash at the end.
        host_header: What the upstream gets as Host; None leaves the client's.
        idle_timeout: Seconds in which nothing moves before the call ends; 0 is for ever.
        retries: How often a connection that could not be made is tried again.
        body: What authsvc needs of request bodies; never of those of gRPC calls.
        captures: What analytics gets to see of bodies, beside the traffic.
    """

    name: str
    upstream: str
    service: str | None = None
    path: Path | None = None
    hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grpc_only: bool = False
    secure_only: bool = False
    strip_path: bool = False
    path_prefix: str = ""
    host_header: str | None = None
    idle_timeout: float = 60.0
    retries: int = 1
    body: BodyUse = BodyUse.NONE
    captures: Capture = Capture()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthsvcTls:
    """How Envoy speaks TLS to authsvc over gRPC. Files are on Envoy's machine.

    Attributes:
        trusted_ca: The authorities that authsvc's certificate is checked against.
        server_name: The name, or the IP address, that must be in it.
        shown: The certificate that Envoy shows, and its key; None: it shows none.
    """

    trusted_ca: str
    server_name: str
    shown: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyPlan:
    """Everything that goes into one bootstrap.

    Attributes:
        listen: Where clients connect.
        authsvc: Where Envoy reaches the gRPC ext_authz service; it also takes keys out of bodies.
        authsvc_tls: How it speaks TLS to that service; None: it does not.
        authsvc_http: Where Envoy asks over plain HTTP instead.
        analytics: Where Envoy reaches the access-log service; None logs nothing.
        upstreams: The backends.
        routes: Tried in this order, the first that matches wins.
        admin: Envoy's own admin listener, loopback or a Unix socket; None is without.
        logged_headers: More header names that analytics gets to see, of requests and responses.
        secret_headers: Header names that carry keys: never among the logged ones.
        trusted_hops: Proxies in front of this Envoy whose X-Forwarded-For counts.
        trusted_ca: A file on Envoy's machine: certificate authorities trusted for TLS upstreams.
        reject_escaped_slashes: Answers 400 to %2F in a path, where upstreams take it for a slash.
        edge_cache: Envoy gives answers again by itself where a plugin's ``edge_cache`` lets it.
    """

    listen: TcpAddress
    authsvc: Address | None
    analytics: Address | None
    upstreams: tuple[Upstream, ...]
    routes: tuple[PlannedRoute, ...]
    authsvc_tls: AuthsvcTls | None = None
    authsvc_http: Address | None = None
    admin: Address | None = None
    logged_headers: tuple[str, ...] = ()
    secret_headers: tuple[str, ...] = ("apikey",)
    trusted_hops: int = 0
    trusted_ca: str = TRUSTED_CA
    reject_escaped_slashes: bool = False
    edge_cache: bool = False

    def __post_init__(self) -> None:
        if self.authsvc is None and self.authsvc_http is None:
            raise ValueError("Envoy must have an authsvc to ask")
        if self.authsvc is None and any(route.body is BodyUse.HIDE for route in self.routes):
            raise ValueError("taking keys out of bodies needs the gRPC address of authsvc")
        if isinstance(self.admin, TcpAddress) and not is_loopback(self.admin):
            # It has no authentication, and tells about every upstream.
            raise ValueError("Envoy's admin address must be a loopback address or a Unix socket")
        for bound in (self.listen, self.admin):
            if isinstance(bound, TcpAddress) and not is_ip(bound.host):
                raise ValueError("Envoy listens on IP addresses, and not on names")
        for asked in (self.authsvc, self.authsvc_http, self.analytics):
            if isinstance(asked, TcpAddress) and not asked.port:
                raise ValueError("Envoy needs to know the ports of authsvc and analytics")
