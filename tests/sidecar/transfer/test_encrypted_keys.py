"""Encrypted keys of exports: one spelling, and nothing else is taken for one."""

import pytest

from authsvc.apikey import ApiKey
from authsvc.errors import KeyringError
from sidecar.transfer.encrypted_keys import encrypted_text, is_encrypted, stored_bytes
from tests.fakes.admin_api import sealer
from tests.fakes.entities import an_id

STORED = sealer().seal(
    ApiKey.from_text("canary"), credential_id=an_id(1), consumer_id=an_id(2), created_at=1
)


def test_the_stored_bytes_come_back() -> None:
    text = encrypted_text(STORED)
    assert is_encrypted(text)
    assert text.startswith("encrypted:v1:")
    assert stored_bytes(text) == STORED.sealed_key


@pytest.mark.parametrize(
    "text",
    ["encrypted:v1:", "encrypted:v2:AAAA", "encrypted:v1:***", "canary", "encrypted:v1:AAAA"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(KeyringError):
        stored_bytes(text)
