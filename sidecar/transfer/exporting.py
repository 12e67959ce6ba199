"""Everything that a database holds, as a declarative file of Kong's format 3.0.

What callers can rely on:

1. Imported again, it gives the same entities: ids, references, tags, ``created_at``, what is left
   of each ``ttl``. Fields that have Kong's defaults are left out where null is the default.
2. It is the database as it was at one moment, read page by page: memory does not grow with it.
3. Whoever asks for keys in clear gets them; ``conceal`` decides what stands in their place.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from authsvc.entities import StoredCredential
from authsvc.errors import KeyringError
from authsvc.kinds import CREDENTIALS, PLUGINS
from sidecar.admin.containers import Reference
from sidecar.admin.key_auth_enc import SCHEMA as CREDENTIAL_SCHEMA
from sidecar.admin.kinds import Fixed
from sidecar.declarative.kinds import KINDS, DeclaredKind
from sidecar.errors import SidecarError
from sidecar.transfer.plan import Rows, pages
from sidecar.transfer.yaml_lines import entity_lines

FORMAT_VERSION = "3.0"
# Kong refuses them.
_OURS = frozenset({"key_in_cookie", "key_in_bearer", "key_format", "edge_cache"})
_LEFT_OUT = ("updated_at",)  # set by whoever writes; an export of the same is the same

KeyText = Callable[[StoredCredential], str]
"""Returns what stands in the file for a credential's key.

Raises:
    KeyringError: The row does not open.
"""


class UnreadableKeyError(SidecarError):
    """A stored key does not open, so that an export would lose it."""


async def export_lines(
    rows: Rows, *, key_text: KeyText, transform: bool, now: float
) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield the file in parts: of which kind, and the text of each entity; first the head.

    Args:
        rows: The database, as it is at one moment.
        key_text: What stands for a key.
        transform: False says that keys stand there as a database keeps them.
        now: The epoch seconds that ``ttl`` counts from.

    Raises:
        UnreadableKeyError: A row does not open.
        StoreUnavailableError: The database did not answer.
    """
    head = f'_format_version: "{FORMAT_VERSION}"\n'
    yield "", [head if transform else f"{head}_transform: false\n"]
    for declared in KINDS:
        heading = f"{declared.name}:\n"
        async for page in pages(rows, declared.stored):
            documents = (_document(declared, each, key_text, now) for each in page)
            texts = ["".join(entity_lines(each)) for each in documents]
            yield declared.stored.name, [heading + texts[0], *texts[1:]]
            heading = ""


def _document(declared: DeclaredKind, entity: Any, key_text: KeyText, now: float) -> dict[str, Any]:
    if declared.stored is CREDENTIALS:
        return _credential(entity, key_text, now)
    if declared.codec is None:
        raise TypeError(f"{declared.name} cannot be shown")
    shown = declared.schema.presented(declared.codec.show(entity, now=now))
    if declared.stored is PLUGINS:
        shown["config"] = _for_kong(shown["config"])
    fields = declared.schema.fields
    return {
        name: value["id"] if isinstance(fields[name].kind, Reference) else value
        for name, value in shown.items()
        if name not in _LEFT_OUT
        and not isinstance(fields[name].kind, Fixed)
        and not (value is None and fields[name].default is None)
    }


def _for_kong(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plugin's configuration without fields of ours that say nothing."""
    return {name: value for name, value in config.items() if value or name not in _OURS}


def _credential(entity: StoredCredential, key_text: KeyText, now: float) -> dict[str, Any]:
    try:
        key = key_text(entity)
    except KeyringError:
        raise UnreadableKeyError(
            f"the key {entity.id} of consumer {entity.consumer_id} does not open"
        ) from None
    # At least 1: to Kong, 0 means for ever.
    ends = entity.expires_at
    ttl = None if ends is None else max(1, math.ceil(ends - now))
    document = {
        "id": entity.id,
        "created_at": entity.created_at,
        "consumer": entity.consumer_id,
        "key": key,
        "tags": None if entity.tags is None else list(entity.tags),
        "enabled": entity.enabled,
        "name": entity.name,
        "metadata": None if entity.metadata is None else dict(entity.metadata),
        "ttl": ttl,
    }
    shown = CREDENTIAL_SCHEMA.presented(document)
    return {name: value for name, value in shown.items() if value is not None}
