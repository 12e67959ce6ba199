from dataclasses import replace

import pytest

from sidecar.declarative.declaration import SealedKey
from sidecar.declarative.encoding import decode_declaration, encode_declaration
from tests.fakes.declarations import a_consumer, declared

EVERYTHING = declared(
    consumers=[a_consumer("a", "k", ttl=60, tags=["t"], metadata={"n": [1, {"x": None}]})],
    acls=[{"consumer": "a", "group": "g"}],
    services=[{"name": "s", "host": "h"}],
    routes=[{"name": "r", "service": "s", "headers": {"x-y": ["z"]}}],
    plugins=[{"name": "key-auth"}, {"name": "acl", "route": "r", "config": {"deny": ["g"]}}],
)


def test_a_declaration_is_the_same_on_the_other_side() -> None:
    received = decode_declaration(encode_declaration(EVERYTHING))
    assert dict(received.by_kind()) == dict(EVERYTHING.by_kind())
    assert received.digest == EVERYTHING.digest


def test_who_needs_no_keys_is_sent_none() -> None:
    content = encode_declaration(declared(consumers=[a_consumer("a", "canary")]), credentials=False)
    assert b"canary" not in content
    received = decode_declaration(content)
    assert (len(received.consumers), received.credentials) == (1, ())


def test_a_key_that_is_sealed_is_not_handed_on() -> None:
    (credential,) = EVERYTHING.credentials
    sealed = replace(EVERYTHING, credentials=(replace(credential, key=SealedKey("x")),))
    with pytest.raises(TypeError, match="sealed"):
        encode_declaration(sealed)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x93\x01\x02\x03"])
def test_what_is_no_declaration_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        decode_declaration(content)
