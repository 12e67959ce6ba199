"""Credentials: the keys of consumers. Shown in clear, kept sealed, found by their blind index."""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.apikey import ApiKey
from authsvc.entities import StoredCredential
from authsvc.sealing import Sealer
from authsvc.store import EntityStore
from sidecar.admin.consumers import CUSTOM_ID, USERNAME
from sidecar.admin.containers import Automatic, Document, Field, Reference
from sidecar.admin.expiry import remaining
from sidecar.admin.key_format import generate_key
from sidecar.admin.kinds import Boolean, Text
from sidecar.admin.problems import REDACTED, unique_violation
from sidecar.admin.schema import CREATED_AT, ID, TAGS, Schema, indexed_text
from sidecar.admin.text_checks import no_control_characters

_LONGEST = 4096  # bytes: what still fits into a request's headers
_MOST_METADATA = 8192  # bytes


CONSUMER = Field(
    kind=Reference(entity="consumers", names={"username": USERNAME, "custom_id": CUSTOM_ID}),
    required=True,
    doc="Whose it is.",
)
SCHEMA = Schema(
    name="keyauth_enc_credentials",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "consumer": CONSUMER,
        "key": Field(
            kind=Text(max_length=_LONGEST),
            automatic=Automatic.GENERATED,
            generate=generate_key,
            secret=True,
            doc="The key, unique; 32 random letters and digits unless given.",
        ),
        "tags": TAGS,
        "enabled": Field(
            kind=Boolean(),
            required=True,
            default=True,
            quiet=True,
            doc="Whether the key is valid; one that is not is refused like an unknown one.",
        ),
        "name": Field(kind=indexed_text(no_control_characters), quiet=True, doc="For people."),
        "metadata": Field(
            kind=Document(max_length=_MOST_METADATA), quiet=True, doc="Whatever belongs to it."
        ),
    },
    endpoint_key="key",
    ttl=True,
)
_FIELDS = {"consumer_id": "consumer", "digest": "key", "sealed_key": "key"}


class OneCredentialPerKey:
    """Refuses a key that a row has under another index key: the database sees only digests."""

    def __init__(self, store: EntityStore[StoredCredential], sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def __call__(self, credential: StoredCredential) -> None:
        """Refuse it.

        Raises:
            ProblemError: Another credential has the same key.
        """
        if not self._sealer.changes_index:
            return
        for digest in self._sealer.searches(self._sealer.reveal(credential)):
            other = await self._store.find(digest=digest)
            if other is not None and other.id != credential.id:
                raise unique_violation({"key": REDACTED})


class CredentialCodec:
    """Seals keys on the way in and opens them on the way out."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def show(self, entity: StoredCredential, *, now: float) -> dict[str, Any]:
        """Return the credential with its key in clear.

        Raises:
            KeyringError: The row is not as it was sealed.
        """
        key = self._sealer.reveal(entity)
        return {**self.show_sealed(entity, now=now), "key": key.reveal().decode()}

    def show_sealed(self, entity: StoredCredential, *, now: float) -> dict[str, Any]:
        """Return the credential without its key, and the seconds that it still has as ``ttl``."""
        return {
            "id": entity.id,
            "created_at": entity.created_at,
            "consumer": {"id": entity.consumer_id},
            "key": None,
            "tags": None if entity.tags is None else list(entity.tags),
            "enabled": entity.enabled,
            "name": entity.name,
            "metadata": None if entity.metadata is None else dict(entity.metadata),
            "ttl": remaining(entity.expires_at, now=now),
        }

    def build(self, document: Mapping[str, Any], *, expires_at: int | None) -> StoredCredential:
        """Seal the key of a complete, valid credential."""
        tags = document["tags"]
        return self._sealer.seal(
            ApiKey.from_text(document["key"]),
            credential_id=document["id"],
            consumer_id=document["consumer"]["id"],
            created_at=document["created_at"],
            expires_at=expires_at,
            tags=None if tags is None else tuple(tags),
            enabled=document["enabled"],
            name=document["name"],
            metadata=document["metadata"],
        )

    def keys(self, name: str) -> Sequence[dict[str, object]]:
        """Return the blind indexes that the store is asked for."""
        return [{"digest": each} for each in self._sealer.searches(ApiKey.from_text(name))]

    def field_of(self, column: str) -> str:
        """Return the API's name of a stored field."""
        return _FIELDS.get(column, column)

    def collision(self, columns: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that collided."""
        return {name: document[name] for name in map(self.field_of, columns)}
