"""Claims about groups."""

import pytest

from authsvc.acl import judge
from authsvc.decision import DenyReason, Identity
from authsvc.entities import Consumer
from authsvc.policy import AclConfig
from authsvc.store import KnownConsumer

ALLOW = AclConfig(allow=frozenset({"admin", "pro"}))
DENY = AclConfig(deny=frozenset({"free"}))
EMPTY = AclConfig()
NOBODY, NOT_A_MEMBER = DenyReason.NOBODY, DenyReason.NOT_A_MEMBER

# config, with a credential, groups: refused because
CASES = {
    "allow: member of one": (ALLOW, True, ("pro", "x"), None),
    "allow: member of none": (ALLOW, True, ("x",), NOT_A_MEMBER),
    "allow: no groups": (ALLOW, True, (), NOT_A_MEMBER),
    "allow: other case": (ALLOW, True, ("Admin",), NOT_A_MEMBER),
    "allow: anonymous member": (ALLOW, False, ("admin",), None),
    "allow: anonymous without groups": (ALLOW, False, (), NOBODY),
    "allow: anonymous of other groups": (ALLOW, False, ("x",), NOT_A_MEMBER),
    "deny: member": (DENY, True, ("free", "x"), NOT_A_MEMBER),
    "deny: others": (DENY, True, ("x",), None),
    "deny: no groups": (DENY, True, (), None),
    "deny: anonymous without groups": (DENY, False, (), None),
    "deny: anonymous member": (DENY, False, ("free",), NOT_A_MEMBER),
    "neither: nobody gets in": (EMPTY, True, ("admin",), NOT_A_MEMBER),
}


@pytest.mark.parametrize("name", CASES)
def test_who_is_refused(name: str) -> None:
    config, with_credential, groups, expected = CASES[name]
    consumer = Consumer(id="c", created_at=0, updated_at=0, username="bob")
    identity = Identity(KnownConsumer(consumer, groups), "id" if with_credential else None)
    assert judge(identity, config) == expected
