"""Judges requests while they are checked, by the rules of the plugin that applies to them.

It never waits, and never asks anybody: rules and cohorts are followed in the background.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analytics.checked_call import CheckedCall
from analytics.config import MoesifConfig
from analytics.governance import NOTHING, Ruling
from analytics.identify import Identifier, Identity
from analytics.instruction_book import InstructionBook
from analytics.instruction_metrics import InstructionMetrics, RulingOutcome
from analytics.masking import CredentialNames
from analytics.record import Verdict
from analytics.routing import Routing, ScopedConfig, Topology


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

    def judge(
        self,
        *,
        route: str | None,
        service: str | None,
        method: str,
        path: str,
        authority: str | None,
        headers: tuple[tuple[str, bytes], ...],
        body: bytes | None,
        client_address: str | None,
        consumer_id: str | None,
        username: str | None,
        custom_id: str | None,
        user_id: str | None,
        company_id: str | None,
    ) -> Ruling:
        """Return what the rules say of a request.

        Args:
            route: Its name or id, if there is one.
            service: The same.
            method: As sent.
            path: With its query.
            authority: The host that the client asked.
            headers: Names in lower case, repeated lines apart.
            body: All of it; None if it is not there.
            client_address: As Envoy resolved it.
            consumer_id: Who was authenticated; None: nobody was.
            username: Of the consumer.
            custom_id: Of the consumer.
            user_id: Where the configuration says that the consumer carries it.
            company_id: The same.
        """
        use = self._routing.find(route, service)
        if use is None or not use.config.enable_governance:
            return NOTHING
        instructions = self._book.instructions(use.config)
        if not instructions.rulebook.size:
            return NOTHING
        call = CheckedCall(
            method=method,
            path=path,
            authority=authority,
            headers=headers,
            body=body,
            client_address=client_address,
            trusts_headers=use.config.trust_client_ip_headers,
        )

        def identify() -> Identity:
            call.verdict = Verdict(
                consumer_id=consumer_id,
                username=username,
                custom_id=custom_id,
                user_id=user_id,
                company_id=company_id,
            )
            return use.identifier.identify(call)

        ruling = instructions.rulebook.judge(call, identify, instructions.cohorts)
        self._metrics.ruled(_outcome(ruling))
        return ruling


def _outcome(ruling: Ruling) -> RulingOutcome:
    if ruling.block is not None:
        return RulingOutcome.BLOCKED
    return RulingOutcome.HEADERS if ruling.headers else RulingOutcome.NOTHING
