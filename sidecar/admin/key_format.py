"""In which format keys are generated: Kong's, or ours with a prefix and a checksum."""

from collections.abc import Mapping
from typing import Any

from authsvc import prefixed_key
from authsvc.apikey import ApiKey
from authsvc.entities import Plugin
from authsvc.policy import KEY_AUTH_NAMES, PREFIXED
from authsvc.store import EntityStore

_FORMAT = "key_format"


class KeyGenerator:
    """Fills in the key of a credential that comes without one.

    The format is what the request's ``key_format`` says, else the global ``key-auth-enc`` plugin,
    else the settings' default.
    """

    def __init__(self, plugins: EntityStore[Plugin], *, default: str | None = None) -> None:
        self._plugins = plugins
        self._default = default

    async def fill(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request's values, with a key if the format is not Kong's."""
        given = {name: value for name, value in values.items() if name != _FORMAT}
        asked = values.get(_FORMAT)
        if asked not in (None, PREFIXED):
            return values  # the schema knows no such field, and says so
        if given.get("key") or (asked or await self._usual_format()) != PREFIXED:
            return given
        return {**given, "key": prefixed_key.generate().reveal().decode()}

    async def _usual_format(self) -> str | None:
        for name in KEY_AUTH_NAMES:
            plugin = await self._plugins.find(name=name, route_id=None, service_id=None)
            if plugin is not None and plugin.enabled:
                return plugin.config.get(_FORMAT)
        return self._default


def generate_key() -> str:
    """Return a new random key in Kong's format."""
    return ApiKey.generate().reveal().decode()
