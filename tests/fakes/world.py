"""A database that is written to, and what has been true of each key in it."""

from dataclasses import dataclass, field, replace

from authsvc.entities import Consumer, StoredCredential
from authsvc.memory import MemoryDatabase
from authsvc.store import Retention
from tests.fakes.issuer import Issuer, make_sealer


@dataclass(frozen=True)
class Fact:
    """What is true of a key at one moment."""

    credential_id: str
    consumer_id: str
    username: str | None
    groups: tuple[str, ...]
    expires_at: int | None

    def is_alive(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True)
class About:
    """What a write is about; each kind of write takes of it what it needs."""

    name: str
    key: str
    other: str
    group: str
    lifetime: int | None


@dataclass
class World:
    """The database, and what has been true of each key."""

    now: float = 1_000.0
    consumers: dict[str, Consumer] = field(default_factory=dict)  # by name at creation
    entries: dict[tuple[str, str], str] = field(default_factory=dict)  # of ACLs, by id and group
    credentials: dict[str, StoredCredential] = field(default_factory=dict)  # by key
    truths: list[dict[str, Fact]] = field(default_factory=lambda: [{}])

    def __post_init__(self) -> None:
        retention = Retention(changes=3, seconds=1, every=1)
        self.database = MemoryDatabase(clock=lambda: self.now, retention=retention)
        self.sealer = make_sealer()
        self.issuer = Issuer(self.database, sealer=self.sealer, clock=lambda: self.now)

    @property
    def moment(self) -> int:
        return len(self.truths) - 1

    def facts(self, key: str, since: int) -> list[Fact | None]:
        return [truth.get(key) for truth in self.truths[since:]]

    def is_alive(self, key: str) -> bool:
        fact = self.truths[-1].get(key)
        return fact is not None and fact.is_alive(self.now)

    async def add_consumer(self, about: About) -> None:
        if about.name not in self.consumers:
            self.consumers[about.name] = await self.issuer.add_consumer(about.name)

    async def delete_consumer(self, about: About) -> None:
        consumer = self.consumers.pop(about.name, None)
        if consumer is not None:
            await self.database.consumers.delete(consumer.id)
            self.credentials = {
                key: one for key, one in self.credentials.items() if one.consumer_id != consumer.id
            }
            self.entries = {at: one for at, one in self.entries.items() if at[0] != consumer.id}

    async def rename_consumer(self, about: About) -> None:
        if (consumer := self.consumers.get(about.name)) is not None:
            renamed = f"{about.name}-{self.moment}"
            self.consumers[about.name] = await self.issuer.rename(consumer, renamed)

    async def change_group(self, about: About) -> None:
        if (consumer := self.consumers.get(about.name)) is None:
            return
        entry = self.entries.pop((consumer.id, about.group), None)
        if entry is None:
            added = await self.issuer.add_group(consumer, about.group)
            self.entries[consumer.id, about.group] = added.id
        else:
            await self.database.acls.delete(entry)

    async def create_key(self, about: About) -> None:
        if about.name in self.consumers and not self.is_alive(about.key):
            self.credentials[about.key] = await self.issuer.add_key(
                self.consumers[about.name], about.key, ttl=about.lifetime
            )

    async def revoke_key(self, about: About) -> None:
        if self.is_alive(about.key):
            await self.database.credentials.delete(self.credentials.pop(about.key).id)

    async def change_key(self, about: About) -> None:
        if self.is_alive(about.key) and not self.is_alive(about.other):
            credential = self.credentials.pop(about.key)
            self.credentials[about.other] = await self.issuer.change_key(credential, about.other)

    async def change_lifetime(self, about: About) -> None:
        if self.is_alive(about.key):
            expires_at = int(self.now) + about.lifetime if about.lifetime else None
            changed = replace(self.credentials[about.key], expires_at=expires_at)
            await self.database.credentials.replace(changed)
            self.credentials[about.key] = changed

    def note(self) -> None:
        """Begin a new moment with what is true now."""
        by_id = {consumer.id: consumer for consumer in self.consumers.values()}
        self.truths.append(
            {
                key: Fact(
                    one.id,
                    one.consumer_id,
                    by_id[one.consumer_id].username,
                    tuple(
                        sorted(group for owner, group in self.entries if owner == one.consumer_id)
                    ),
                    one.expires_at,
                )
                for key, one in self.credentials.items()
            }
        )
