"""Judges requests while they are checked, by the rules of the plugin that applies to them.

It never waits, and never asks anybody: rules and cohorts are followed in the background.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from analytics.checked_call import CheckedCall
from analytics.config import MoesifConfig
from analytics.governance import NOTHING, Ruling
from analytics.identify import Identifier, Identity
from analytics.instruction_book import InstructionBook
from analytics.instruction_metrics import InstructionMetrics, RulingOutcome
from analytics.masking import CredentialNames
from analytics.record import Verdict
from analytics.routing import Routing, ScopedConfig, Topology

_MOST_REMEMBERED = 10_000  # routes and services that requests named


class AskedAbout(Protocol):
    """A request as authsvc has read it: ``authsvc.request.Request``, field by field."""

    @property
    def route(self) -> str | None:
        """Its name or id, if there is one."""

    @property
    def service(self) -> str | None:
        """The same."""

    @property
    def method(self) -> str:
        """As sent."""

    @property
    def path(self) -> str:
        """With its query."""

    @property
    def authority(self) -> str | None:
        """The host that the client asked."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names in lower case, repeated lines apart."""

    @property
    def body(self) -> bytes | None:
        """All of it; None if it is not there."""

    @property
    def client_address(self) -> str | None:
        """As Envoy resolved it."""


class KnownCaller(Hashable, Protocol):
    """Who was authenticated, and what is said of it; None stands for what nobody knows."""

    @property
    def consumer_id(self) -> str | None:
        """Of the consumer."""

    @property
    def username(self) -> str | None:
        """Of the consumer."""

    @property
    def custom_id(self) -> str | None:
        """Of the consumer."""

    @property
    def user_id(self) -> str | None:
        """Where the configuration says that the consumer carries it."""

    @property
    def company_id(self) -> str | None:
        """The same."""


@dataclass(frozen=True, slots=True)
class _Use:
    """What was made of one configuration."""

    config: MoesifConfig
    identifier: Identifier


class Governor:
    """Implements ``authsvc.governance.Governance``.

    Args:
        book: What Moesif wants; configured here, closed by its owner.
        metrics: Who counts.
    """

    def __init__(self, *, book: InstructionBook, metrics: InstructionMetrics) -> None:
        self._book = book
        self._metrics = metrics
        self._routing: Routing[_Use] = Routing((), Topology())
        self._found: dict[tuple[str | None, str | None], _Use | None] = {}

    def configure(
        self,
        scopes: Sequence[ScopedConfig],
        *,
        credential_names: Iterable[str],
        topology: Topology,
    ) -> None:
        """Go on with these configurations; the arguments are those of ``Pipeline.configure``."""
        credentials = CredentialNames(credential_names)
        self._book.configure(scopes)
        self._routing = Routing(
            [
                (scope, _Use(scope.config, Identifier(scope.config, credentials)))
                for scope in scopes
            ],
            topology,
        )
        self._found = {}

    def governs(self, route: str | None, service: str | None) -> bool:
        """Tell whether there are rules for the requests of a route and a service at all."""
        use = self._find(route, service)
        return use is not None and self._book.instructions(use.config).rulebook.size > 0

    def judge(self, request: AskedAbout, caller: KnownCaller) -> Ruling:
        """Return what the rules say of a request."""
        use = self._find(request.route, request.service)
        if use is None:
            return NOTHING
        instructions = self._book.instructions(use.config)
        if not instructions.rulebook.size:
            return NOTHING
        call = CheckedCall(
            method=request.method,
            path=request.path,
            authority=request.authority,
            headers=request.headers,
            body=request.body,
            client_address=request.client_address,
            trusts_headers=use.config.trust_client_ip_headers,
        )

        def identify() -> Identity:
            call.verdict = _verdict(caller)
            return use.identifier.identify(call)

        ruling = instructions.rulebook.judge(call, identify, instructions.cohorts)
        if ruling is not NOTHING:
            is_blocked = ruling.block is not None
            self._metrics.ruled(RulingOutcome.BLOCKED if is_blocked else RulingOutcome.HEADERS)
        return ruling

    def _find(self, route: str | None, service: str | None) -> _Use | None:
        """Return what applies, if it wants rules enforced."""
        scope = (route, service)
        if scope not in self._found:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            use = self._routing.find(route, service)
            self._found[scope] = use if use and use.config.enable_governance else None
        return self._found[scope]


@lru_cache(maxsize=4096)  # a verdict has many members, and most callers come again
def _verdict(caller: KnownCaller) -> Verdict:
    return Verdict(
        consumer_id=caller.consumer_id,
        username=caller.username,
        custom_id=caller.custom_id,
        user_id=caller.user_id,
        company_id=caller.company_id,
    )
