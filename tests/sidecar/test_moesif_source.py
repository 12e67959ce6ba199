"""What analytics is told of the configuration."""

import pytest

from authsvc.policy import KeyAuthConfig
from sidecar.moesif_source import _names_of

NAMES = {
    "key names": (KeyAuthConfig(key_names=("a", "b")), {"a", "b"}),
    "bearer tokens": (KeyAuthConfig(key_in_bearer=True), {"apikey", "authorization"}),
    "cookies": (KeyAuthConfig(key_in_cookie=True), {"apikey", "cookie"}),
}


@pytest.mark.parametrize("name", NAMES)
def test_wherever_keys_come_in_nothing_is_shown(name: str) -> None:
    config, expected = NAMES[name]
    assert set(_names_of(config)) == expected
