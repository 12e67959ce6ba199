"""What a worker looks up, in memory."""

from collections.abc import Mapping, Sequence

from authsvc.entities import Acl, Consumer, StoredCredential
from authsvc.identifier import canonical_id
from authsvc.memory.table import MemoryTable
from authsvc.store import KnownConsumer, KnownCredential


class MemoryDirectory:
    """A ``Directory`` over the memory tables."""

    def __init__(
        self,
        *,
        consumers: MemoryTable[Consumer],
        credentials: MemoryTable[StoredCredential],
        acls: MemoryTable[Acl],
    ) -> None:
        self._consumers = consumers
        self._credentials = credentials
        self._acls = acls

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        """Return the credentials with these blind indexes."""
        found: dict[bytes, KnownCredential] = {}
        for digest in digests:
            credential = self._credentials.by_unique(("digest",), (digest,))
            if credential is None:
                continue
            owner = self._known(await self._consumers.get(credential.consumer_id))
            if owner is not None:
                found[digest] = KnownCredential(credential, owner)
        return found

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        """Return the consumer with this id or username."""
        if canonical_id(reference) is not None:
            return self._known(await self._consumers.get(reference))
        return self._known(await self._consumers.find(username=reference))

    def _known(self, consumer: Consumer | None) -> KnownConsumer | None:
        if consumer is None:
            return None
        entries = self._acls.matching({"consumer_id": consumer.id})
        return KnownConsumer(consumer, tuple(sorted(entry.group for entry in entries)))
