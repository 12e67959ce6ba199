"""Judges requests while they are checked, by the rules of the plugin that applies to them.

It never waits, and never asks anybody: rules and cohorts are followed in the background.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analytics.caller_identity import CallerIdentity, KnownCaller
from analytics.checked_call import AskedAbout, CheckedCall
from analytics.governance import NOTHING, Ruling
from analytics.identify import Identifier
from analytics.instruction_book import Followed, InstructionBook
from analytics.instruction_metrics import InstructionMetrics, RulingOutcome
from analytics.masking import CredentialNames
from analytics.routing import Routing, ScopedConfig, Topology
from analytics.unseen_bodies import UnseenBodies

_MOST_REMEMBERED = 10_000  # routes and services that requests named


@dataclass(frozen=True, slots=True)
class _Use:
    """What was made of one configuration."""

    enforces: bool
    trusts_headers: bool
    followed: Followed
    identity: CallerIdentity


class Governor:
    """Implements ``authsvc.governance.Governance``.

    Args:
        book: What Moesif wants; configured here, closed by its owner.
        metrics: Who counts.
    """

    def __init__(self, *, book: InstructionBook, metrics: InstructionMetrics) -> None:
        self._book = book
        self._metrics = metrics
        self._unseen_bodies = UnseenBodies()
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
            [(scope, self._use(scope, credentials)) for scope in scopes], topology
        )
        self._found = {}

    def governs(self, route: str | None, service: str | None) -> bool:
        """Tell whether there are rules for the requests of a route and a service at all."""
        use = self._find(route, service)
        return use is not None and use.followed.current.rulebook.size > 0

    def judge(self, request: AskedAbout, caller: KnownCaller) -> Ruling:
        """Return what the rules say of a request."""
        use = self._find(request.route, request.service)
        if use is None:
            return NOTHING
        instructions = use.followed.current
        rulebook = instructions.rulebook
        if not rulebook.size:
            return NOTHING
        if rulebook.reads_bodies:
            self._unseen_bodies.notice(rulebook, request)
        call = CheckedCall(request, trusts_headers=use.trusts_headers)
        ruling = rulebook.judge(call, lambda: use.identity.find(caller, call), instructions.cohorts)
        if ruling is not NOTHING:
            is_blocked = ruling.block is not None
            self._metrics.ruled(RulingOutcome.BLOCKED if is_blocked else RulingOutcome.HEADERS)
        return ruling

    def _use(self, scope: ScopedConfig, credentials: CredentialNames) -> _Use:
        config = scope.config
        return _Use(
            enforces=config.enable_governance,
            trusts_headers=config.trust_client_ip_headers,
            followed=self._book.followed(config),
            identity=CallerIdentity(Identifier(config, credentials)),
        )

    def _find(self, route: str | None, service: str | None) -> _Use | None:
        """Return what applies, if it wants rules enforced."""
        scope = (route, service)
        if scope not in self._found:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            use = self._routing.find(route, service)
            self._found[scope] = use if use and use.enforces else None
        return self._found[scope]
