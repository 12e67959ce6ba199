"""The port through which rules of somebody else may block a request that authsvc lets through.

What authsvc itself makes sure of, whatever is behind the port:

1. Only a request that is allowed is shown to it: no rule can turn a denial into an allow.
2. A fault behind the port lets the request pass: rules are not authentication.
3. No rule sets a header that frames a message, names a caller, or tells Envoy what to do.
4. A preflight that passed unasked is not judged: who will call is not known yet, and a browser
   that is refused here could never tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import structlog

from authsvc.annotation import Annotation
from authsvc.decision import Allow, AllowReason
from authsvc.identity_headers import IDENTITY_HEADERS
from authsvc.request import Request
from authsvc.transaction_id import TRANSACTION_ID

_REFUSED = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
        *("proxy-authenticate", "proxy-authorization", "transfer-encoding"),
        *("content-length", "content-encoding", "host", "date", "cookie", "set-cookie"),
        *("grpc-status", "grpc-message", "grpc-encoding"),
        # In ext_authz's HTTP mode these are headers of our answer to Envoy.
        *("anonymous", "authority", "blocked_by", "company_id", "consumer_id", "credential_id"),
        *(
            "custom_id",
            "edge_cache",
            "reason",
            "result",
            "route",
            "rule_headers",
            "service",
            "transaction_id",
            "user_id",
        ),
        *("token_company_id", "token_user_id", "username", TRANSACTION_ID, *IDENTITY_HEADERS),
    }
)
_REFUSED_PREFIXES = (":", "x-envoy-", "x-tollkeeper-")

_log = structlog.get_logger(__name__)


class Block(Protocol):
    """An answer in the upstream's place."""

    @property
    def rule(self) -> str:
        """Which rule it is of; printable ASCII."""

    @property
    def status(self) -> int:
        """From 200 to 599."""

    @property
    def body(self) -> str:
        """May be empty."""


class Judgement(Protocol):
    """What the rules say of a request."""

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """To be set in the answer, whoever gives it: names in lower case, values of one line."""

    @property
    def block(self) -> Block | None:
        """None lets the request pass."""


class Caller(NamedTuple):
    """Who calls: the consumer whose key was sent, and what the request's annotation says."""

    consumer_id: str | None = None
    username: str | None = None
    custom_id: str | None = None
    user_id: str | None = None
    company_id: str | None = None


class Governance(Protocol):
    """Judges requests; implemented by ``analytics.governor``."""

    def governs(self, route: str | None, service: str | None) -> bool:
        """Tell whether there are rules for the requests of a route and a service at all."""

    def judge(self, request: Request, caller: Caller) -> Judgement:
        """Return what the rules say; from memory, without waiting for anything."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A judgement as far as authsvc goes along with it; ``rule`` is None where nothing blocks."""

    headers: tuple[tuple[str, str], ...] = ()
    rule: str | None = None
    status: int = 0
    body: str = field(default="", repr=False)


NO_RULING = Ruling()


def govern(
    governance: Governance | None, request: Request, decision: object, annotation: Annotation
) -> Ruling:
    """Return what the rules say of a request that was decided about; never raises."""
    if governance is None or not isinstance(decision, Allow):
        return NO_RULING
    if decision.reason is AllowReason.PREFLIGHT:
        return NO_RULING
    try:
        return _ruling(_judge(governance, request, decision, annotation))
    except Exception as error:  # noqa: BLE001 - a fault in rules must not refuse a request
        # Its text, or its traceback, may show what is in the request.
        _log.error("rules not applied", error=type(error).__name__)
        return NO_RULING


def may_govern(governance: Governance | None, route: str | None, service: str | None) -> bool:
    """Tell whether ``govern`` may say something of a route's requests; never raises."""
    try:
        return governance is not None and governance.governs(route, service)
    except Exception as error:  # noqa: BLE001 - a fault in rules must not refuse a request
        _log.error("rules not looked up", error=type(error).__name__)
        return True


def is_refused(name: str) -> bool:
    """Tell whether no rule may set a header, by its name in lower case."""
    return (
        name in _REFUSED
        or name.replace("_", "-") in IDENTITY_HEADERS
        or name.startswith(_REFUSED_PREFIXES)
    )


def _judge(
    governance: Governance, request: Request, decision: Allow, annotation: Annotation
) -> Judgement:
    # The anonymous consumer stands for callers whom nobody knows.
    identity = decision.identity if decision.reason is AllowReason.KEY else None
    consumer = identity.owner.consumer if identity else None
    caller = Caller(
        consumer.id if consumer else None,
        consumer.username if consumer else None,
        consumer.custom_id if consumer else None,
        annotation.user_id,
        annotation.company_id,
    )
    return governance.judge(request, caller)


def _ruling(judgement: Judgement) -> Ruling:
    block = judgement.block
    if block is None and not judgement.headers:
        return NO_RULING
    headers = tuple(each for each in judgement.headers if not is_refused(each[0]))
    if block is None:
        return Ruling(headers) if headers else NO_RULING
    return Ruling(headers, block.rule, block.status, block.body)
