"""One entity of a file, judged by its schema: what it is, or what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from authsvc.apikey import ApiKey
from authsvc.entities import Entity, StoredCredential
from authsvc.errors import UnstorableValueError
from authsvc.storable import check_storable
from sidecar.admin.containers import Reference
from sidecar.admin.expiry import expiry, parse_ttl
from sidecar.admin.kinds import InvalidValueError, is_uuid
from sidecar.admin.payload import Payload
from sidecar.admin.problems import ProblemError, Why
from sidecar.declarative.declaration import (
    Declared,
    DeclaredCredential,
    KeyReader,
    SealedKey,
)
from sidecar.declarative.items import Item
from sidecar.declarative.reference_index import ReferenceIndex

_NOBODY = "00000000-0000-0000-0000-000000000000"  # stands for what could not be found
_KEY = "key"
_TTL = "ttl"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of an item: an entity, or reasons by field, or references to nothing."""

    item: Item
    entity: Declared | None = None
    reasons: Mapping[str, Why] = field(default_factory=dict)
    dangling: tuple[str, ...] = ()


class Judge:
    """Judges the items of one file.

    Args of the constructor: where references lead, the epoch seconds, what the texts of keys
    mean, and the file's ``_transform``.
    """

    def __init__(
        self, index: ReferenceIndex, *, now: float, keys: KeyReader, transform: bool
    ) -> None:
        self._index = index
        self._now = now
        self._keys = keys
        self._transform = transform

    def judge(self, item: Item) -> Judgement:
        """Return what an item is."""
        values, reasons, dangling = self._referred(item)
        try:
            ttl = self._ttl(item, values)
            sealed = self._read_key(item, values)
            document = item.kind.schema.specialise(values).read_new(values, now=int(self._now))
            entity = self._built(item, document, ttl=ttl, sealed=sealed)
        except ProblemError as error:
            body = error.body or {}
            return Judgement(
                item, reasons={**body.get("options", body.get("fields", {})), **reasons}
            )
        except UnstorableValueError as error:
            name = error.field.removesuffix("_id")
            reasons = {name: "has a value that cannot be stored", **reasons}
            return Judgement(item, reasons=reasons)
        if reasons or dangling:
            return Judgement(item, reasons=reasons, dangling=tuple(dangling))
        return Judgement(item, entity)

    def _referred(self, item: Item) -> tuple[dict[str, Any], dict[str, Why], list[str]]:
        """Return an item's values with ids in its references, and what is wrong with those."""
        values: dict[str, Any] = {**item.values, "id": item.id}
        reasons: dict[str, Why] = {}
        dangling: list[str] = []
        for name, owner in item.parent.items():
            given = values.get(name)
            if given is not None and not self._is_parent(item, given, owner):
                reasons[name] = "value must be null"
            values[name] = {"id": owner if is_uuid(owner) else _NOBODY}
        for name, reference in item.kind.schema.references.items():
            given = values.get(name)
            if name in item.parent or not isinstance(given, str | Mapping):
                continue
            found = self._index.find(reference, given)
            if found is None:
                dangling.append(_dangling(name, reference, given))
            values[name] = {"id": found if found is not None and is_uuid(found) else _NOBODY}
        return values, reasons, dangling

    @staticmethod
    def _is_parent(item: Item, given: object, owner: str) -> bool:
        texts = given.values() if isinstance(given, Mapping) else [given]
        return all(
            isinstance(text, str) and (text.lower() == owner or text == item.names_parent)
            for text in texts
        )

    def _ttl(self, item: Item, values: dict[str, Any]) -> int | None:
        """Take the ttl out of an item's values."""
        ttl = values.pop(_TTL, None) if item.kind.schema.ttl else None
        return None if ttl is None else parse_ttl(Payload({_TTL: ttl}))

    def _read_key(self, item: Item, values: dict[str, Any]) -> SealedKey | None:
        """Put a credential's key in clear into its values; return it if it stays sealed."""
        text = values.get(_KEY)
        if item.kind.codec is not None or not isinstance(text, str):
            return None
        try:
            key = self._keys(text, transform=self._transform)
        except InvalidValueError as error:
            raise ProblemError(400, {"fields": {_KEY: error.why}}) from None
        if isinstance(key, SealedKey):
            del values[_KEY]  # the schema judges the rest
            return key
        values[_KEY] = key
        return None

    def _built(
        self, item: Item, document: dict[str, Any], *, ttl: int | None, sealed: SealedKey | None
    ) -> Declared:
        stored: Entity
        codec = item.kind.codec
        if codec is not None:
            stored = codec.build(document, expires_at=None)
            check_storable(item.kind.stored, stored)
            return stored  # type: ignore[return-value]  # no codec here makes tokens
        tags = document["tags"]
        shared: dict[str, Any] = {
            "id": document["id"],
            "created_at": document["created_at"],
            "consumer_id": document["consumer"]["id"],
            "expires_at": expiry(ttl or 0, now=self._now),
            "tags": None if tags is None else tuple(tags),
            "enabled": document["enabled"],
            "name": document["name"],
            "metadata": document["metadata"],
        }
        check_storable(item.kind.stored, StoredCredential(**shared, digest=b"", sealed_key=b""))
        key = sealed or ApiKey.from_text(document[_KEY])
        generated = item.values.get(_KEY) is None
        return DeclaredCredential(**shared, key=key, generated=generated, ttl=ttl or None)


def _dangling(name: str, reference: Reference, given: object) -> str:
    text = given if isinstance(given, str) else orjson.dumps(given, default=str).decode()
    return f"invalid reference '{name}: {text}' (no such entry in '{reference.entity}')"
