"""Writes consumers and keys into a database, as the Admin API does."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from authsvc.apikey import ApiKey
from authsvc.blind_index import BlindIndex
from authsvc.entities import Acl, Consumer, Plugin, Route, StoredCredential
from authsvc.keyring import Keyring
from authsvc.sealing import Sealer
from authsvc.store import Stores


def make_sealer(fill: bytes = b"\x01", *, index: bytes = b"\x02") -> Sealer:
    """Return a sealer whose keys are one byte, repeated."""
    keyring = Keyring({"datakey1": fill * 32}, active="datakey1")
    return Sealer(keyring=keyring, blind_index=BlindIndex(index * 32))


class Issuer:
    """One who may write."""

    def __init__(self, database: Stores, *, sealer: Sealer, clock: Callable[[], float]) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    async def add_consumer(
        self, username: str | None, *, custom_id: str | None = None, groups: tuple[str, ...] = ()
    ) -> Consumer:
        now = int(self._clock())
        consumer = Consumer(
            id=str(uuid4()),
            created_at=now,
            updated_at=now,
            username=username,
            custom_id=custom_id,
        )
        await self._database.consumers.insert(consumer)
        for group in groups:
            await self.add_group(consumer, group)
        return consumer

    async def add_group(self, consumer: Consumer, group: str) -> Acl:
        entry = Acl(
            id=str(uuid4()), created_at=int(self._clock()), consumer_id=consumer.id, group=group
        )
        await self._database.acls.insert(entry)
        return entry

    async def add_key(
        self, consumer: Consumer, key: str, *, ttl: int | None = None
    ) -> StoredCredential:
        now = int(self._clock())
        credential = self._sealer.seal(
            ApiKey.from_text(key),
            credential_id=str(uuid4()),
            consumer_id=consumer.id,
            created_at=now,
            expires_at=now + ttl if ttl else None,
        )
        await self._database.credentials.insert(credential)
        return credential

    async def change_key(self, credential: StoredCredential, key: str) -> StoredCredential:
        changed = self._sealer.seal(
            ApiKey.from_text(key),
            credential_id=credential.id,
            consumer_id=credential.consumer_id,
            created_at=credential.created_at,
            expires_at=credential.expires_at,
        )
        await self._database.credentials.replace(changed)
        return changed

    async def rename(self, consumer: Consumer, username: str) -> Consumer:
        renamed = replace(consumer, username=username, updated_at=int(self._clock()))
        await self._database.consumers.replace(renamed)
        return renamed

    async def add_route(self, name: str, **plugins: dict[str, object]) -> Route:
        """Add a route with plugins on it, named with ``_`` for ``-``."""
        now = int(self._clock())
        route = Route(id=str(uuid4()), created_at=now, updated_at=now, name=name)
        await self._database.routes.insert(route)
        for plugin, config in plugins.items():
            await self._database.plugins.insert(
                Plugin(
                    id=str(uuid4()),
                    created_at=now,
                    updated_at=now,
                    name=plugin.replace("_", "-"),
                    config=config,
                    route_id=route.id,
                )
            )
        return route
