"""The whole answer to a check, in plain values: what every face only translates.

``kind`` alone says whether the request goes on. Metadata never carries a key: it ends up in
access logs.
"""

from dataclasses import dataclass, field
from typing import Literal

from authsvc.decision import Allow, Decision, Deny, Identity
from authsvc.denial import Denial, render
from authsvc.identity_headers import MAX_VALUE_LENGTH, headers_to_remove, headers_to_set
from authsvc.request import Request

Kind = Literal["allow", "deny", "error"]
Metadata = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Goes on to the upstream with these changes.

    ``path`` replaces path and query if it is not None; no header is both set and removed.
    """

    metadata: Metadata
    headers_to_set: dict[str, str] = field(repr=False)
    headers_to_remove: list[str]
    path: str | None = field(default=None, repr=False)
    kind: Kind = "allow"


@dataclass(frozen=True, slots=True)
class Refused:
    """Does not go on; ``kind`` tells a denial from an outage."""

    metadata: Metadata
    denial: Denial
    kind: Kind


Answer = Allowed | Refused


def answer(decision: Decision, request: Request | None) -> Answer:
    """Return the answer that a decision about a request means."""
    if isinstance(decision, Allow) and request is not None:
        return _allowed(decision, request)
    if isinstance(decision, Allow):
        raise TypeError("nothing was asked, so nothing can be allowed")
    kind: Kind = "deny" if isinstance(decision, Deny) else "error"
    identity = decision.identity if isinstance(decision, Deny) else None
    metadata = _metadata(kind, decision.reason, identity, request)
    return Refused(metadata, render(decision, request), kind)


def _allowed(decision: Allow, request: Request) -> Allowed:
    identity_headers = headers_to_set(decision)
    removed = headers_to_remove(identity_headers)
    removed.extend(
        name
        for name in decision.hiding.headers
        if name not in identity_headers and name not in removed
    )
    metadata = _metadata("allow", decision.reason, decision.identity, request)
    changed = dict(identity_headers)
    if decision.hiding.cookie is not None:
        changed["cookie"] = decision.hiding.cookie
    return Allowed(metadata, changed, removed, decision.hiding.path)


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
