"""The whole answer to a check, in plain values: what every face only translates.

``kind`` alone says whether the request goes on. Metadata never carries a key: it ends up in
access logs.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from authsvc.annotation import NOTHING, Annotation
from authsvc.authenticator import Authenticator
from authsvc.decision import Allow, Decision, Deny, DenyReason, Identity
from authsvc.denial import Denial, render
from authsvc.edge_cache import FIELD as EDGE_CACHE
from authsvc.edge_cache import lease_of
from authsvc.governance import NO_RULING, Ruling, govern
from authsvc.identity_headers import MAX_VALUE_LENGTH, headers_to_remove, headers_to_set
from authsvc.request import Request
from authsvc.rule_denial import deny_by_rule
from authsvc.transaction_id import TRANSACTION_ID

Kind = Literal["allow", "deny", "error"]
Metadata = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Goes on to the upstream with these changes.

    ``path`` replaces path and query if it is not None; no header is both set and removed.
    ``response_headers`` are set in what the client is answered.
    """

    metadata: Metadata
    headers_to_set: dict[str, str] = field(repr=False)
    headers_to_remove: list[str]
    path: str | None = field(default=None, repr=False)
    response_headers: dict[str, str] = field(default_factory=dict)
    kind: Kind = "allow"


@dataclass(frozen=True, slots=True)
class Refused:
    """Does not go on; ``kind`` tells a denial from an outage."""

    metadata: Metadata
    denial: Denial
    kind: Kind


Answer = Allowed | Refused


async def check(request: Request, authenticator: Authenticator) -> Answer:
    """Return the answer to a request: every face asks this."""
    return answer_to(await authenticator.decide(request), request, authenticator)


def answer_to(decision: Decision, request: Request, authenticator: Authenticator) -> Answer:
    """Return the answer to a request that was decided about, with all that goes with it."""
    annotation = authenticator.annotate(request, decision)
    ruling = govern(authenticator.governance, request, decision, annotation)
    answered = answer(decision, request, annotation, ruling)
    if isinstance(answered, Allowed) and isinstance(decision, Allow):
        _lease(answered, decision, request, authenticator)
    return answered


def answer(
    decision: Decision,
    request: Request | None,
    annotation: Annotation = NOTHING,
    ruling: Ruling = NO_RULING,
) -> Answer:
    """Return the answer that a decision about a request means, with what is told beside it.

    A ruling counts for what is allowed only: it can refuse, and never let pass.
    """
    if isinstance(decision, Allow) and request is not None:
        if ruling.rule is not None:
            return _blocked(decision, request, annotation, ruling)
        return _allowed(decision, request, annotation, ruling)
    if isinstance(decision, Allow):
        raise TypeError("nothing was asked, so nothing can be allowed")
    kind: Kind = "deny" if isinstance(decision, Deny) else "error"
    identity = decision.identity if isinstance(decision, Deny) else None
    metadata = _metadata(kind, decision.reason, identity, request)
    _annotate(metadata, annotation)
    return Refused(metadata, _telling(render(decision, request), annotation), kind)


def _lease(
    answered: Allowed, decision: Allow, request: Request, authenticator: Authenticator
) -> None:
    lease = lease_of(
        decision,
        request,
        policies=authenticator.policies,
        governance=authenticator.governance,
        set_headers=answered.headers_to_set,
        removed_headers=answered.headers_to_remove,
    )
    if lease is not None:
        answered.metadata[EDGE_CACHE] = lease


def _blocked(decision: Allow, request: Request, annotation: Annotation, ruling: Ruling) -> Refused:
    metadata = _metadata("deny", DenyReason.BLOCKED_BY_RULE, decision.identity, request)
    _annotate(metadata, annotation)
    _put(metadata, "blocked_by", ruling.rule)
    return Refused(metadata, _telling(deny_by_rule(ruling, request), annotation), "deny")


def _allowed(decision: Allow, request: Request, annotation: Annotation, ruling: Ruling) -> Allowed:
    identity_headers = headers_to_set(decision)
    removed = headers_to_remove(identity_headers)
    removed.extend(
        name
        for name in decision.hiding.headers
        if name not in identity_headers and name not in removed
    )
    metadata = _metadata("allow", decision.reason, decision.identity, request)
    _annotate(metadata, annotation)
    told = _told(annotation)
    changed = identity_headers | told
    if decision.hiding.cookie is not None:
        changed["cookie"] = decision.hiding.cookie
    answered = told | dict(ruling.headers) if ruling.headers else told
    return Allowed(metadata, changed, removed, decision.hiding.path, answered)


def _telling(denial: Denial, annotation: Annotation) -> Denial:
    told = _told(annotation)
    return replace(denial, headers=(*denial.headers, *told.items())) if told else denial


def _told(annotation: Annotation) -> dict[str, str]:
    """Return the headers that the upstream and the client both get."""
    if annotation.transaction_id is None:
        return {}
    return {TRANSACTION_ID: annotation.transaction_id}


def _annotate(metadata: Metadata, annotation: Annotation) -> None:
    if annotation is not NOTHING:
        _put(metadata, "transaction_id", annotation.transaction_id)
        _put(metadata, "user_id", annotation.user_id)
        _put(metadata, "company_id", annotation.company_id)
        _put(metadata, "token_user_id", annotation.token_user_id)
        _put(metadata, "token_company_id", annotation.token_company_id)


def _metadata(
    kind: Kind, reason: str, identity: Identity | None, request: Request | None
) -> Metadata:
    metadata: Metadata = {"result": kind, "reason": str(reason)}
    if request is not None:
        _put(metadata, "authority", request.authority)
        _put(metadata, "route", request.route)
        _put(metadata, "service", request.service)
    if identity is None:
        metadata["anonymous"] = False
        return metadata
    consumer = identity.owner.consumer
    metadata["consumer_id"] = consumer.id
    _put(metadata, "username", consumer.username)
    _put(metadata, "custom_id", consumer.custom_id)
    _put(metadata, "credential_id", identity.credential_id)
    metadata["anonymous"] = identity.credential_id is None
    return metadata


def _put(metadata: Metadata, name: str, value: str | None) -> None:
    # In HTTP mode metadata are headers: one that does not fit makes Envoy refuse the whole answer.
    if value is not None and len(value) <= MAX_VALUE_LENGTH:
        metadata[name] = value
