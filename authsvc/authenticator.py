"""From a request to a decision; reads like the specification.

Kong's order: preflight, search for the key, look it up, the anonymous consumer, ACL.  The
difference to Kong is what happens when something breaks: an outage is ``Unavailable`` whatever
the configuration, also where an anonymous consumer is set, and nothing allows by default.
"""

import time
from collections.abc import Callable

from authsvc.acl import judge
from authsvc.annotation import Annotation, Annotator
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
from authsvc.resolver import Resolver

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
        self._annotator = annotator or Annotator()
        self.policies = policies
        #: What else may block a request that is allowed; see ``authsvc.governance``.
        self.governance: Governance | None = None

    async def decide(self, request: Request) -> Decision:
        """Return the verdict. Raises nothing that a store, a ring or a policy can cause."""
        try:
            policy = self.policies.find(request.route, request.service)
        except PolicyError:
            return Deny(DenyReason.INVALID_POLICY)
        if policy is None:
            return Deny(DenyReason.NO_POLICY)
        try:
            return await self._decide(request, policy)
        except StoreUnavailableError:
            return Unavailable()
        except KeyringError:
            return Deny(DenyReason.CORRUPT_CREDENTIAL, policy)

    def annotate(self, request: Request, decision: Decision) -> Annotation:
        """Return what is to be told of a request beside the verdict on it; never raises."""
        rules = self.policies.annotation_rules(request.route, request.service)
        return self._annotator.annotate(request, decision, rules)

    async def _decide(self, request: Request, policy: Policy) -> Decision:
        if request.method == "OPTIONS" and not policy.key_auth.run_on_preflight:
            return self._let_preflight_pass(request, policy)
        identity = await self._authenticate(request, policy)
        if isinstance(identity, DenyReason):
            if policy.key_auth.anonymous is None:
                return Deny(identity, policy)
            return await self._allow_anonymous(request, policy, policy.key_auth.anonymous)
        return self._authorize(request, policy, AllowReason.KEY, identity)

    async def _authenticate(self, request: Request, policy: Policy) -> Identity | DenyReason:
        found = find_key(request, policy.key_auth)
        if isinstance(found, NoKey):
            return _NO_KEY[found]
        if policy.key_auth.key_format == PREFIXED and cannot_be_valid(found.key):
            return DenyReason.UNKNOWN_KEY
        identity = await self._resolver.find(found.key)
        if identity is None:
            return DenyReason.DUPLICATE_KEY if found.ambiguous else DenyReason.UNKNOWN_KEY
        return self._why_not_valid(identity) or identity

    def _why_not_valid(self, identity: Identity) -> DenyReason | None:
        if identity.expires_at is not None and self._clock() >= identity.expires_at:
            return DenyReason.EXPIRED_KEY
        return None if identity.enabled else DenyReason.DISABLED_KEY

    async def _allow_anonymous(self, request: Request, policy: Policy, reference: str) -> Decision:
        consumer = await self._resolver.find_consumer(reference)
        if consumer is None:
            return Deny(DenyReason.ANONYMOUS_MISSING, policy)
        return self._authorize(request, policy, AllowReason.ANONYMOUS, Identity(consumer))

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
