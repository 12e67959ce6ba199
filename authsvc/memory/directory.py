"""What a worker looks up, in memory."""

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

    async def find_credential(self, digest: bytes) -> KnownCredential | None:
        """Return the credential with this blind index."""
        credential = self._credentials.by_unique(("digest",), (digest,))
        if credential is None:
            return None
        owner = self._known(await self._consumers.get(credential.consumer_id))
        return None if owner is None else KnownCredential(credential, owner)

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
