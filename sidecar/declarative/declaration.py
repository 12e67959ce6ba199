"""What a declarative file declares, as values."""

import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from authsvc.apikey import ApiKey
from authsvc.entities import Acl, Consumer, Plugin, Route, Service


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key as it stands in a file that may be read by everybody: sealed."""

    text: str = field(repr=False)


class KeyReader(Protocol):
    """Tells what the text in a credential's ``key`` means."""

    def __call__(self, text: str, *, transform: bool) -> str | SealedKey:
        """Return the key in clear, or the text as one that stays sealed.

        ``transform`` is the file's ``_transform``: False says that values are as a database
        keeps them.

        Raises:
            InvalidValueError: It is sealed, and cannot be opened; the reason must not show it.
        """


def keys_in_clear(text: str, *, transform: bool) -> str | SealedKey:  # noqa: ARG001 - the port
    """Take every text for the key itself."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCredential:
    """A consumer's key, before it is sealed for a store.

    ``ttl`` is what the file says; ``expires_at`` is what came of it when the file was read.
    ``generated``: the file has no key, and this one was made up when it was read.
    """

    id: str
    created_at: int
    consumer_id: str
    key: ApiKey | SealedKey
    generated: bool = False
    ttl: int | None = None
    expires_at: int | None = None
    tags: tuple[str, ...] | None = None
    enabled: bool = True
    name: str | None = None
    metadata: Mapping[str, Any] | None = None


Declared = Consumer | DeclaredCredential | Acl | Service | Route | Plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything that a file declares; references between its entities lead somewhere.

    ``digest`` tells texts apart, and takes long to make, so that nobody can guess keys by it.
    """

    format_version: str
    digest: str
    transform: bool = True
    consumers: tuple[Consumer, ...] = ()
    credentials: tuple[DeclaredCredential, ...] = ()
    acls: tuple[Acl, ...] = ()
    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    given_ids: frozenset[str] = frozenset()
    select_tags: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def count(self) -> int:
        """Return how many entities there are."""
        return sum(len(entities) for _, entities in self.by_kind())

    def by_kind(self) -> Iterator[tuple[str, tuple[Declared, ...]]]:
        """Yield the entities by the names of their kinds, parents first."""
        for kind in ("services", "routes", "consumers", "credentials", "acls", "plugins"):
            yield kind, getattr(self, kind)


class KeyMarks:
    """Tells keys apart without holding them: a digest under a key that is made for the purpose."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, key: ApiKey | SealedKey) -> bytes:
        """Return the mark of a key; equal keys have equal marks, of the same ``KeyMarks``."""
        text = b"s" + key.text.encode() if isinstance(key, SealedKey) else b"c" + key.reveal()
        return hmac.digest(self._key, text, "sha256")


def keeping_expiries(new: Declaration, old: Declaration) -> Declaration:
    """Return a declaration in which keys that were there before end when they did.

    A ``ttl`` counts from when the key was first read: reading a file again must not prolong it.
    """
    marks = KeyMarks()
    before = {
        (each.consumer_id, each.ttl, marks.of(each.key)): each.expires_at
        for each in old.credentials
        if each.ttl
    }
    if not before:
        return new

    def kept(credential: DeclaredCredential) -> DeclaredCredential:
        if not credential.ttl:
            return credential
        was = (credential.consumer_id, credential.ttl, marks.of(credential.key))
        return replace(credential, expires_at=before.get(was, credential.expires_at))

    return replace(new, credentials=tuple(map(kept, new.credentials)))
