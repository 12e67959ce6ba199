"""From a request to a decision; reads like the specification.

Kong's order: preflight, search for the key, look it up, the anonymous consumer, ACL.  The
difference to Kong is what happens when something breaks: an outage is ``Unavailable`` whatever
the configuration, also where an anonymous consumer is set, and nothing allows by default.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from authsvc.acl import judge
from authsvc.annotation import Annotation, Annotator
from authsvc.apikey import ApiKey
from authsvc.cache import Held
from authsvc.decision import (
    Allow,
    AllowReason,
    Decision,
    Deny,
    DenyReason,
    Identity,
    Unavailable,
)
from authsvc.errors import KeyringError, PolicyError, StoreUnavailableError
from authsvc.governance import Governance
from authsvc.hiding import hide
from authsvc.locations import NoKey, find_key
from authsvc.policy import PREFIXED, Policy, PolicyBook
from authsvc.prefixed_key import cannot_be_valid
from authsvc.request import Request
from authsvc.resolver import NotInMemoryError, Resolver
from authsvc.store import KnownConsumer

_NO_KEY = {
    NoKey.MISSING: DenyReason.MISSING_KEY,
    NoKey.DUPLICATE: DenyReason.DUPLICATE_KEY,
}


class Authenticator:
    """Decides about requests under the policies of the moment."""

    def __init__(
        self,
        *,
        resolver: Resolver,
        policies: PolicyBook,
        clock: Callable[[], float] = time.time,
        annotator: Annotator | None = None,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self.annotator = annotator or Annotator()
        self.policies = policies
        #: What else may block a request that is allowed; see ``authsvc.governance``.
        self.governance: Governance | None = None

    async def decide(self, request: Request) -> Decision:
        """Return the verdict. Raises nothing that a store, a ring or a policy can cause."""
        memory = _Memory(self._resolver)
        while True:
            decision = self._decide(request, memory)
            if not isinstance(decision, _Missing):
                return decision
            try:
                await memory.learn(decision.what)
            except StoreUnavailableError:
                return Unavailable()
            except KeyringError:
                return Deny(DenyReason.CORRUPT_CREDENTIAL, decision.policy)

    def decide_now(self, request: Request) -> Decision | None:
        """Return what ``decide`` returns, or None if that takes the store."""
        decision = self._decide(request, self._resolver)
        return None if isinstance(decision, _Missing) else decision

    def peek(self, key: ApiKey) -> Identity | DenyReason:
        """Return the identity behind a key, or why it may not be used now; counts nothing.

        Raises:
            NotInMemoryError: Memory does not tell.
        """
        identity = self._resolver.peek(key)
        if identity is None:
            return DenyReason.UNKNOWN_KEY
        return self._why_not_valid(identity) or identity

    def hold(self, key: ApiKey) -> Held | None:
        """Return what memory has of a key, to see later whether it still has it."""
        return self._resolver.hold(key)

    def is_valid(self, identity: Identity) -> bool:
        """Tell whether the credential of an identity may be used now."""
        return self._why_not_valid(identity) is None

    def annotate(self, request: Request, decision: Decision) -> Annotation:
        """Return what is to be told of a request beside the verdict on it; never raises."""
        rules = self.policies.annotation_rules(request.route, request.service)
        return self.annotator.annotate(request, decision, rules)

    def _decide(self, request: Request, memory: "_Memory | Resolver") -> "Decision | _Missing":
        try:
            policy = self.policies.find(request.route, request.service)
        except PolicyError:
            return Deny(DenyReason.INVALID_POLICY)
        if policy is None:
            return Deny(DenyReason.NO_POLICY)
        try:
            return self._decide_under(policy, request, memory)
        except NotInMemoryError as missing:
            return _Missing(missing, policy)

    def _decide_under(
        self, policy: Policy, request: Request, memory: "_Memory | Resolver"
    ) -> Decision:
        if request.method == "OPTIONS" and not policy.key_auth.run_on_preflight:
            return self._let_preflight_pass(request, policy)
        identity = self._authenticate(request, policy, memory)
        if not isinstance(identity, DenyReason):
            return self._authorize(request, policy, AllowReason.KEY, identity)
        if policy.key_auth.anonymous is None:
            return Deny(identity, policy)
        consumer = memory.recall_consumer(policy.key_auth.anonymous)
        if consumer is None:
            return Deny(DenyReason.ANONYMOUS_MISSING, policy)
        return self._authorize(request, policy, AllowReason.ANONYMOUS, Identity(consumer))

    def _authenticate(
        self, request: Request, policy: Policy, memory: "_Memory | Resolver"
    ) -> Identity | DenyReason:
        found = find_key(request, policy.key_auth)
        if isinstance(found, NoKey):
            return _NO_KEY[found]
        if policy.key_auth.key_format == PREFIXED and cannot_be_valid(found.key):
            return DenyReason.UNKNOWN_KEY
        identity = memory.recall(found.key)
        if identity is None:
            return DenyReason.DUPLICATE_KEY if found.ambiguous else DenyReason.UNKNOWN_KEY
        return self._why_not_valid(identity) or identity

    def _why_not_valid(self, identity: Identity) -> DenyReason | None:
        if identity.expires_at is not None and self._clock() >= identity.expires_at:
            return DenyReason.EXPIRED_KEY
        return None if identity.enabled else DenyReason.DISABLED_KEY

    def _authorize(
        self, request: Request, policy: Policy, reason: AllowReason, identity: Identity
    ) -> Decision:
        refusal = judge(identity, policy.acl) if policy.acl else None
        if refusal is not None:
            return Deny(refusal, policy, identity)
        told = policy.acl is not None and not policy.acl.hide_groups_header
        return Allow(
            reason=reason,
            policy=policy,
            hiding=hide(request, policy.key_auth),
            identity=identity,
            groups=identity.owner.groups if told else None,
        )

    def _let_preflight_pass(self, request: Request, policy: Policy) -> Decision:
        if policy.acl is not None:
            return Deny(DenyReason.NOBODY, policy)
        return Allow(
            reason=AllowReason.PREFLIGHT,
            policy=policy,
            hiding=hide(request, policy.key_auth),
            identity=None,
        )


@dataclass(frozen=True, slots=True)
class _Missing:
    """What has to be asked of the store before there is a verdict."""

    what: NotInMemoryError
    policy: Policy


class _Memory:
    """What memory tells, and what the store told for the sake of one request.

    What the store told is kept here as well: the memory of all need not keep it.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._key: ApiKey | None = None
        self._identity: Identity | None = None
        self._consumers: dict[str, KnownConsumer | None] = {}

    def recall(self, key: ApiKey) -> Identity | None:
        """Return the identity behind a key, as ``Resolver.recall`` does."""
        return self._identity if key == self._key else self._resolver.recall(key)

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        """Return a consumer, as ``Resolver.recall_consumer`` does."""
        if reference in self._consumers:
            return self._consumers[reference]
        return self._resolver.recall_consumer(reference)

    async def learn(self, missing: NotInMemoryError) -> None:
        """Ask the store for what was missing; raises what ``Resolver.find`` raises."""
        if missing.key is not None:
            self._identity = await self._resolver.find(missing.key, digest=missing.digest)
            self._key = missing.key
        if missing.reference is not None:
            consumer = await self._resolver.find_consumer(missing.reference)
            self._consumers[missing.reference] = consumer
