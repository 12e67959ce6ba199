"""What analytics is told of the configuration."""

import pytest

from authsvc.memory import MemoryDatabase
from authsvc.policy import KeyAuthConfig
from sidecar.moesif_source import _names_of, load_setup
from tests.fakes.entities import a_plugin, a_route

NAMES = {
    "key names": (KeyAuthConfig(key_names=("a", "b")), {"a", "b"}),
    "bearer tokens": (KeyAuthConfig(key_in_bearer=True), {"apikey", "authorization"}),
    "cookies": (KeyAuthConfig(key_in_cookie=True), {"apikey", "cookie"}),
}


@pytest.mark.parametrize("name", NAMES)
def test_wherever_keys_come_in_nothing_is_shown(name: str) -> None:
    config, expected = NAMES[name]
    assert set(_names_of(config)) == expected


async def test_keys_stay_hidden_where_the_plugin_that_takes_them_is_switched_off() -> None:
    database = MemoryDatabase()
    off = {"key_names": ["x-off"], "anonymous": "guest"}
    for number, (enabled, config) in enumerate([(True, {"key_names": ["x-on"]}), (False, off)]):
        route = a_route(number)
        await database.routes.insert(route)
        fields = {"name": "key-auth-enc", "route_id": route.id, "enabled": enabled}
        plugin = a_plugin(number, config=config, **fields)
        await database.plugins.insert(plugin)
    setup = await load_setup(database, default=None)
    assert setup.credential_names == {"x-on", "x-off"}
    assert setup.anonymous == frozenset()
