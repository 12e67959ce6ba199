"""A real Envoy with the edge cache, in front of authsvc's own answers and of a careful upstream."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from authsvc.annotation_rules import AnnotationRules
from authsvc.answer import answer
from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.decision import Deny, DenyReason, Identity
from authsvc.entities import Plugin
from authsvc.extauthz.codec import decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.extauthz.response_wire import encode
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.store import KnownConsumer
from tests.clients.raw_http import Response, exchange
from tests.fakes.answers import check_now
from tests.fakes.entities import a_consumer
from tests.fakes.gateway import Gateway
from tests.fakes.upstream import Sighting, Upstream

CACHED = KeyAuthConfig(edge_cache=60)  # seconds: no test lasts as long
ASKING = KeyAuthConfig()
HIDING = replace(CACHED, hide_credentials=True)
KEY = "apikey: K1"
# How often authsvc is asked about four requests.
KEPT, ASKED_EACH_TIME = [1, 1, 0, 0], [1, 1, 1, 1]


def an_identity(number: int, **fields: Any) -> Identity:
    """Return the identity of a consumer of this number."""
    owner = KnownConsumer(a_consumer(number, custom_id=f"custom-{number}"), ("group",))
    return Identity(owner, f"credential-{number}", **fields)


@dataclass
class Keys:
    """Takes a resolver's place: what is in ``known`` is known."""

    known: dict[bytes, Identity] = field(default_factory=dict)

    def peek(self, key: ApiKey) -> Identity | None:
        return self.known.get(key.reveal())

    def hold(self, key: ApiKey) -> None:
        """Nothing is kept for long: what is known changes without a word."""

    def recall(self, key: ApiKey) -> Identity | None:
        return self.peek(key)

    def recall_consumer(self, _reference: str) -> KnownConsumer | None:
        return KnownConsumer(a_consumer(99), ())


class Asked(NamedTuple):
    """What came of a request: the answer, what the upstream saw, how often authsvc was asked."""

    response: Response
    sighting: Sighting | None
    checks: int


@dataclass
class EdgeScene:
    """``keys`` and the authenticator's policies may be changed at any time."""

    gateway: Gateway
    upstream: Upstream
    keys: Keys
    authenticator: Authenticator

    async def ask(self, *lines: str) -> Asked:
        """Send a request line and header lines over a connection of its own."""
        named = {line.lower().partition(":")[0] for line in lines}
        host = () if "host" in named else ("Host: gateway.test",)
        text = "\r\n".join([f"{lines[0]} HTTP/1.1", *host, *lines[1:], "Connection: close", "", ""])
        before = len(self.gateway.checks.seen)
        response = await exchange(self.gateway.port, text.encode("latin-1"))
        checks = len(self.gateway.checks.seen) - before
        return Asked(response, self.upstream.behind(response), checks)

    async def checks(self, *lines: str, times: int = 4) -> list[int]:
        """Send the same request again and again; return how often authsvc was asked of each."""
        return [(await self.ask(*lines)).checks for _ in range(times)]


class StartEdge(Protocol):
    """Starts Envoy in front of an authsvc of this configuration.

    ``ids``: each request has a transaction id; the rest replaces fields of the plan.
    """

    async def __call__(
        self, config: KeyAuthConfig = CACHED, *, ids: bool = False, **changes: Any
    ) -> EdgeScene: ...


def an_authenticator(
    config: KeyAuthConfig, keys: Keys, *, plugins: Iterable[Plugin] = (), ids: bool = False
) -> Authenticator:
    """Return one that goes by this configuration; ``ids``: each request has a transaction id."""
    return Authenticator(
        resolver=keys,  # type: ignore[arg-type]  # it has what is called
        policies=a_book(config, plugins=plugins, ids=ids),
    )


def a_book(
    config: KeyAuthConfig, *, plugins: Iterable[Plugin] = (), ids: bool = False
) -> PolicyBook:
    """Return policies in which this is the default."""
    watch = Plugin(id="watch", created_at=1, updated_at=1, name="watch", config={})
    return PolicyBook.bind(
        default=config,
        plugins=[*plugins, watch] if ids else list(plugins),
        routes=(),
        services=(),
        annotation_of=lambda plugin: (
            AnnotationRules(transaction_ids=True) if plugin.name == "watch" else None
        ),
    )


def checked_by(scene: EdgeScene, request: CheckRequest) -> CheckResponse:
    """Return authsvc's own answer to what Envoy asks."""
    decided = check_now(decode(request.SerializeToString()), scene.authenticator)
    return CheckResponse.FromString(encode(decided or answer(Deny(DenyReason.UNKNOWN_KEY), None)))
