"""From the text of a declarative file to what it declares.

In Kong's order, each step with all that it finds: the file's head and every entity by its schema,
then references, then uniqueness.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import Any

from authsvc.entities import Acl, Consumer, Plugin, Route, Service
from sidecar.declarative.declaration import (
    Declaration,
    Declared,
    DeclaredCredential,
    KeyReader,
    keys_in_clear,
)
from sidecar.declarative.document import DocumentError, parse_document
from sidecar.declarative.file_head import FileHead, read_head
from sidecar.declarative.items import Collection, Item
from sidecar.declarative.judgement import Judge, Judgement
from sidecar.declarative.problems import DeclarationError, EntityProblem, FieldProblem
from sidecar.declarative.reference_index import ReferenceIndex
from sidecar.declarative.uniqueness import find_repeated

_FAILED = "failed parsing declarative configuration"


def parse_declaration(
    text: bytes | str,
    *,
    now: float | None = None,
    keys: KeyReader = keys_in_clear,
    lenient: bool = False,
) -> Declaration:
    """Return what a file declares.

    Takes seconds for 20,000 consumers: not for the event loop.

    Args:
        text: The file: YAML or JSON.
        now: The epoch seconds that ``ttl`` counts from, and that nobody was created after.
        keys: What the texts of keys mean.
        lenient: Whether entities and plugins that only Kong has are left out, instead of refused.

    Raises:
        DeclarationError: With everything that is wrong.
    """
    # What is no text becomes what is no UTF-8, and is refused as such.
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    try:
        document = parse_document(raw)
    except DocumentError as error:
        raise DeclarationError([FieldProblem("error", str(error))]) from None
    if not isinstance(document, dict):
        raise DeclarationError([FieldProblem("error", f"{_FAILED}: expected an object")])
    head, problems = read_head(document, lenient=lenient)
    collection = Collection(head, lenient=lenient)
    judge = Judge(
        ReferenceIndex(collection.items),
        now=time.time() if now is None else now,
        keys=keys,
        transform=head.transform,
    )
    judged = [judge.judge(item) for item in collection.items]
    invalid = [each.item.problem(each.reasons) for each in judged if each.reasons]
    if problems or collection.problems or invalid:
        raise DeclarationError([*problems, *collection.problems, *invalid])
    if dangling := [_dangling(each) for each in judged if each.dangling]:
        raise DeclarationError(dangling)
    entities = [(each.item, each.entity) for each in judged if each.entity is not None]
    if repeated := list(find_repeated(entities)):
        raise DeclarationError(repeated)
    return _declaration(raw, head, collection, entities)


def digest_of(text: bytes) -> str:
    """Return what tells this text from others: 32 hexadecimal digits.

    Anybody may see it, and a file may hold nothing unknown but one weak key: a plain digest would
    let that be guessed. This one takes its time.
    """
    salt = b"tollkeeper/declaration"
    return hashlib.scrypt(
        hashlib.sha256(text).digest(), salt=salt, n=2**14, r=8, p=1, dklen=16
    ).hex()


def _dangling(judgement: Judgement) -> EntityProblem:
    item = judgement.item
    endpoint_key = item.kind.schema.endpoint_key
    name = item.values.get(endpoint_key) if endpoint_key and item.kind.codec else None
    # Kong tells of a credential under its key.
    at = name or item.values.get("id") or str(int(item.path[-1]) + 1)
    return item.problem(list(judgement.dangling), at=str(at))


def _declaration(
    raw: bytes, head: FileHead, collection: Collection, entities: list[tuple[Item, Declared]]
) -> Declaration:
    return Declaration(
        format_version=head.format_version,
        digest=digest_of(raw),
        transform=head.transform,
        consumers=_of(Consumer, entities),
        credentials=_of(DeclaredCredential, entities),
        acls=_of(Acl, entities),
        services=_of(Service, entities),
        routes=_of(Route, entities),
        plugins=_of(Plugin, entities),
        given_ids=frozenset(entity.id for item, entity in entities if item.values.get("id")),
        select_tags=head.select_tags,
        ignored=tuple(collection.ignored),
        left_out=tuple(collection.left_out),
    )


def _of(kind: type[Any], entities: Iterable[tuple[Item, Declared]]) -> tuple[Any, ...]:
    return tuple(entity for _, entity in entities if isinstance(entity, kind))
