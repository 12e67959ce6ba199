"""Whether a consumer's groups let it in: Kong's ``acl`` plugin."""

from authsvc.decision import DenyReason, Identity
from authsvc.policy import AclConfig


def judge(identity: Identity, config: AclConfig) -> DenyReason | None:
    """Return why this identity is refused, or None.

    Group names are compared exactly, and any match counts.
    """
    groups = frozenset(identity.owner.groups)
    if config.deny:
        return DenyReason.NOT_A_MEMBER if groups & config.deny else None
    if groups & config.allow:
        return None
    # Kong's distinction: the anonymous consumer without any group is nobody at all (401).
    if identity.credential_id is None and not groups:
        return DenyReason.NOBODY
    return DenyReason.NOT_A_MEMBER
