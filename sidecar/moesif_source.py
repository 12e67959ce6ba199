"""What analytics needs of the configuration: the ``moesif`` plugins, and where clients send keys.

Analytics knows no database and no plugin rows; this reads them for it and hands over plain values.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from analytics.config_fields import parse_moesif_config
from analytics.errors import ConfigError
from analytics.routing import KnownRoute, KnownService, ScopedConfig, Topology
from authsvc.entities import Plugin
from authsvc.errors import PolicyError, StoreUnavailableError
from authsvc.policy import KEY_AUTH_NAMES, KeyAuthConfig, parse_key_auth
from authsvc.policy_source import read_all
from authsvc.store import Stores
from sidecar.moesif_plugin import MOESIF

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_CONFIGURING = frozenset({"plugins", "routes", "services"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MoesifSetup:
    """The configuration of one moment."""

    scopes: tuple[ScopedConfig, ...]
    credential_names: frozenset[str]
    topology: Topology
    anonymous: frozenset[str] = frozenset()  # ids and usernames of consumers that stand for nobody


async def load_setup(stores: Stores, *, default: KeyAuthConfig | None) -> MoesifSetup:
    """Read the configuration.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    every = await read_all(stores.plugins)
    plugins = [plugin for plugin in every if plugin.enabled]
    routes = [
        KnownRoute(route.id, route.name, route.service_id)
        for route in await read_all(stores.routes)
    ]
    services = [KnownService(each.id, each.name) for each in await read_all(stores.services)]
    key_auths = list(_key_auths(plugins, default))
    # Where a plugin is switched off, clients may go on sending keys, which are good elsewhere.
    switched_off = _key_auths((plugin for plugin in every if not plugin.enabled), None)
    named = [*key_auths, *switched_off]
    return MoesifSetup(
        scopes=tuple(_scopes(plugins)),
        credential_names=frozenset(name for each in named for name in _names_of(each)),
        topology=Topology(routes, services),
        anonymous=frozenset(each.anonymous for each in key_auths if each.anonymous),
    )


async def follow_setup(
    stores: Stores,
    *,
    default: KeyAuthConfig | None,
    use: Callable[[MoesifSetup], None],
    followed: Callable[[bool], None],
) -> None:
    """Hand over the configuration now and after each change of it, for ever.

    A store that is away is waited for; what was configured last stays in force meanwhile.

    Args:
        stores: Where it is kept.
        default: The key-auth configuration where no plugin is.
        use: Takes each configuration.
        followed: Told after each look whether the store answered.
    """
    seq: int | None = None
    while True:
        try:
            seq = await _catch_up(stores, seq, default=default, use=use)
        except StoreUnavailableError:
            followed(False)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            followed(True)
            await stores.changes.wait(_POLL_SECONDS)


async def _catch_up(
    stores: Stores,
    seq: int | None,
    *,
    default: KeyAuthConfig | None,
    use: Callable[[MoesifSetup], None],
) -> int:
    """Return the position up to which the log was read; hand over what that changed."""
    if seq is not None:
        changes = await stores.changes.since(seq)
        if changes.complete and not any(c.entity in _CONFIGURING for c in changes.changes):
            return changes.changes[-1].seq if changes.changes else seq
    head = await stores.changes.head()
    use(await load_setup(stores, default=default))
    return head


def _scopes(plugins: Iterable[Plugin]) -> Iterable[ScopedConfig]:
    for plugin in plugins:
        if plugin.name != MOESIF:
            continue
        try:
            config = parse_moesif_config(plugin.config)
        except ConfigError:
            # The Admin API lets none through; its text may show what somebody else wrote there.
            _log.error("moesif plugin ignored: its configuration is not valid", plugin=plugin.id)
            continue
        yield ScopedConfig(config, plugin.route_id, plugin.service_id)


def _names_of(config: KeyAuthConfig) -> Iterable[str]:
    """Yield the names of headers, parameters and fields in which keys come."""
    yield from config.key_names
    if config.key_in_bearer:
        yield "authorization"
    if config.key_in_cookie:
        yield "cookie"


def _key_auths(plugins: Iterable[Plugin], default: KeyAuthConfig | None) -> Iterable[KeyAuthConfig]:
    if default is not None:
        yield default
    for plugin in plugins:
        if plugin.name in KEY_AUTH_NAMES:
            try:
                yield parse_key_auth(plugin.config)
            except PolicyError:
                _log.error("key-auth plugin ignored: not valid", plugin=plugin.id)
