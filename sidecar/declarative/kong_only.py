"""Fields that only Kong has, in files that Kong and decK write by themselves.

They are taken out where nothing is lost by it: where they have the value that means nothing, or
where what they say has no meaning here, which is told.  Whatever would let more requests pass
without them is not among these: it stays, and is refused as an unknown field.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ANYTHING = object()
# By kind and field: the values that say nothing. Those of other fields are told.
_FIELDS: Mapping[str, Mapping[str, object]] = {
    "consumers": {"type": 0, "username_lower": _ANYTHING},
    "services": {"tls_sans": None},
    "plugins": {"ordering": None, "consumer_group": None, "partials": None},
}
_CONFIG: Mapping[str, Mapping[str, object]] = {
    "key-auth": {"identity_realms": _ANYTHING},  # where Konnect keeps keys
    "key-auth-enc": {"identity_realms": _ANYTHING},
    "acl": {"include_consumer_groups": False},
}
_TOLD = frozenset({"type", "tls_sans", "ordering"})  # also with another value
_PROTOCOLS = frozenset({"ws", "wss", "tcp", "tls", "udp", "tls_passthrough"})


def without_kongs(kind: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[str]]:
    """Return what a file says of an entity without what only Kong has, and what of it is lost."""
    lost: list[str] = []
    kept = dict(_kept(values, _FIELDS.get(kind, {}), lost))
    if kind == "plugins":
        config, name = kept.get("config"), kept.get("name")
        if isinstance(config, Mapping) and isinstance(name, str):
            kept["config"] = dict(_kept(config, _CONFIG.get(name, {}), lost))
        kept |= _spoken_here(kept)
    return kept, lost


def _kept(
    values: Mapping[str, Any], foreign: Mapping[str, object], lost: list[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name not in foreign:
            yield name, value
        elif value is None or foreign[name] is _ANYTHING or _is(value, foreign[name]):
            continue
        elif name in _TOLD:
            lost.append(name)
        else:
            yield name, value


def _is(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _spoken_here(plugin: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plugin's protocols without those that Envoy does not pass on as requests."""
    protocols = plugin.get("protocols")
    if not isinstance(protocols, list):
        return {}
    spoken = [each for each in protocols if each not in _PROTOCOLS]
    return {"protocols": spoken} if spoken else {}
