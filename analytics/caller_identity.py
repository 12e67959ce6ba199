"""Who makes a request that is being checked: worked out once for each caller, where that is enough.

Most callers are consumers, and most configurations go by what authsvc said of them alone; then
who it is does not depend on the request, and is remembered.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Protocol

from analytics.checked_call import CheckedCall
from analytics.identify import Identifier, Identity
from analytics.record import Verdict

_MOST_REMEMBERED = 10_000  # callers


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


class CallerIdentity:
    """Identifies callers as one configuration says."""

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._known: dict[KnownCaller, Identity | None] = {}

    def find(self, caller: KnownCaller, call: CheckedCall) -> Identity:
        """Return who makes a request; never raises."""
        try:
            known = self._known[caller]
        except KeyError:
            known = self._learn(caller)
        if known is not None:
            return known
        call.verdict = _verdict(caller)
        return self._identifier.identify(call)

    def _learn(self, caller: KnownCaller) -> Identity | None:
        """Remember who somebody is, whatever the request; None if that takes a look at it."""
        nothing = _NothingSeen(_verdict(caller))
        identity = self._identifier.identify(nothing)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[caller] = None if nothing.request_headers.were_asked else identity
        return self._known[caller]


class _NothingSeen:
    """A request of which only the verdict is known; it notices who wants to know more."""

    response_headers: Mapping[str, str] = {}  # these are what a check never has
    jwt_payloads: Mapping[str, Any] | None = None
    peer_subject = ""
    peer_uris: tuple[str, ...] = ()

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict
        self.request_headers = _NoticingHeaders()


class _NoticingHeaders(Mapping[str, str]):
    were_asked = False

    def __getitem__(self, name: str) -> str:
        self.were_asked = True
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        self.were_asked = True
        return iter(())

    def __len__(self) -> int:
        self.were_asked = True
        return 0


def _verdict(caller: KnownCaller) -> Verdict:
    return Verdict(
        consumer_id=caller.consumer_id,
        username=caller.username,
        custom_id=caller.custom_id,
        user_id=caller.user_id,
        company_id=caller.company_id,
    )
