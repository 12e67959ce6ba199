"""A declaration as the Admin API answers it: entities by id, or the text of a file."""

from collections.abc import Iterator, Mapping
from typing import Any

from authsvc.apikey import ApiKey
from sidecar.admin.containers import Reference
from sidecar.admin.expiry import remaining
from sidecar.declarative.declaration import Declaration, Declared, DeclaredCredential
from sidecar.declarative.kinds import BY_ENTITY, DeclaredKind
from sidecar.transfer.yaml_lines import entity_lines

_FORMAT_VERSION = "3.0"
_CREDENTIALS = "keyauth_enc_credentials"  # the entity's own name
_CONCEALED = "keys are not shown: null stands in their place, which is no key when it is loaded"


def shown_entities(declaration: Declaration, *, now: float) -> dict[str, dict[str, Any]]:
    """Return every entity, keys in clear: by the name of its kind, then by its id."""
    return {
        kind.name: {document["id"]: kind.schema.presented(document) for document in documents}
        for kind, documents in _documents(declaration, now)
    }


def shown_file(declaration: Declaration, *, now: float, reveal: bool) -> str:
    """Return a file that declares the same; ``reveal``: with its keys."""
    lines = [f'_format_version: "{_FORMAT_VERSION}"\n', "_transform: false\n"]
    if not reveal:
        lines.append(f'_comment: "{_CONCEALED}"\n')
    for kind, documents in _documents(declaration, now):
        lines.append(f"{kind.name}:\n")
        for document in documents:
            lines += entity_lines(_flat(kind, document, reveal=reveal))
    return "".join(lines)


def _documents(
    declaration: Declaration, now: float
) -> Iterator[tuple[DeclaredKind, list[dict[str, Any]]]]:
    for name, entities in declaration.by_kind():
        kind = BY_ENTITY[_CREDENTIALS if name == "credentials" else name]
        documents = [_document(kind, each, now) for each in entities if not _is_over(each, now)]
        if documents:
            yield kind, documents


def _is_over(entity: Declared, now: float) -> bool:
    ends = entity.expires_at if isinstance(entity, DeclaredCredential) else None
    return ends is not None and ends <= now


def _document(kind: DeclaredKind, entity: Declared, now: float) -> dict[str, Any]:
    if not isinstance(entity, DeclaredCredential):
        if kind.codec is None:
            raise TypeError(f"{kind.name} cannot be shown")
        return kind.codec.show(entity, now=now)
    return {
        "id": entity.id,
        "created_at": entity.created_at,
        "consumer": {"id": entity.consumer_id},
        "key": entity.key.reveal().decode() if isinstance(entity.key, ApiKey) else None,
        "tags": None if entity.tags is None else list(entity.tags),
        "enabled": entity.enabled,
        "name": entity.name,
        "metadata": None if entity.metadata is None else dict(entity.metadata),
        "ttl": remaining(entity.expires_at, now=now),
    }


def _flat(kind: DeclaredKind, document: Mapping[str, Any], *, reveal: bool) -> dict[str, Any]:
    """Return an entity with bare ids for references, nulls kept, as Kong writes it."""
    fields = kind.schema.fields
    shown: dict[str, Any] = {}
    for name, value in kind.schema.presented(document).items():
        known = fields.get(name)
        if known is not None and known.secret and not reveal:
            shown[name] = None
        elif known is not None and isinstance(known.kind, Reference) and value is not None:
            shown[name] = value["id"]
        else:
            shown[name] = value
    return shown
