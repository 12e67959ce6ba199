"""The verdict on a request: a value that somebody has to construct.

There is no default and no truth value: a face that forgets a case fails to type-check, and what
is not an ``Allow`` cannot let a request through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from authsvc.hiding import Hiding
from authsvc.policy import Policy
from authsvc.store import KnownConsumer


class AllowReason(StrEnum):
    """Why a request goes on."""

    KEY = "key"
    ANONYMOUS = "anonymous"
    PREFLIGHT = "preflight"


class DenyReason(StrEnum):
    """Why a request is refused. The client sees less than this: see ``authsvc.denial``."""

    MISSING_KEY = "missing_key"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    DISABLED_KEY = "disabled_key"
    ANONYMOUS_MISSING = "anonymous_missing"
    NOT_A_MEMBER = "not_a_member"
    NOBODY = "nobody"
    NO_POLICY = "no_policy"
    INVALID_POLICY = "invalid_policy"
    CORRUPT_CREDENTIAL = "corrupt_credential"
    BAD_REQUEST = "bad_request"
    INTERNAL_ERROR = "internal_error"
    BLOCKED_BY_RULE = "blocked_by_rule"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: a consumer, by a credential or as the anonymous one (``credential_id`` None)."""

    owner: KnownConsumer
    credential_id: str | None = None
    expires_at: int | None = None
    enabled: bool = True
    metadata: Mapping[str, Any] | None = None  # the credential's; nothing is decided by it


@dataclass(frozen=True, slots=True)
class Allow:
    """The request goes on, as this identity (None: nobody was asked for)."""

    reason: AllowReason
    policy: Policy
    hiding: Hiding
    identity: Identity | None
    groups: tuple[str, ...] | None = None  # to be told to the upstream; None: not told


@dataclass(frozen=True, slots=True)
class Deny:
    """The request is refused; ``identity`` is set when it is known who was refused."""

    reason: DenyReason
    policy: Policy | None = None
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody can tell now: the store did not answer. Never means "unknown key"."""

    reason: str = "store_unavailable"


Decision = Allow | Deny | Unavailable
