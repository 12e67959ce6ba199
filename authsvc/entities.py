"""What the stores keep: frozen values, ids as lower-case UUID text, times as whole epoch seconds.

Field names are those of the database columns; a reference to another entity ends in ``_id``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Someone who calls the API. ``username`` and ``custom_id`` are unique; one of them is set."""

    id: str
    created_at: int
    updated_at: int
    username: str | None = None
    custom_id: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """A key as it is kept: found by its blind index (unique), opened with the keyring.

    ``expires_at`` is the first second at which the key is no longer valid, or None.
    ``index_key_id`` names the index key that made the digest; None: it is not known which.
    """

    id: str
    created_at: int
    consumer_id: str
    digest: bytes = field(repr=False)
    sealed_key: bytes = field(repr=False)
    expires_at: int | None = None
    tags: tuple[str, ...] | None = None
    enabled: bool = True
    name: str | None = None  # for people; not unique
    metadata: Mapping[str, Any] | None = None
    index_key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """A consumer's membership of a group; unique by both."""

    id: str
    created_at: int
    consumer_id: str
    group: str
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An upstream by name (unique), and where it is."""

    id: str
    created_at: int
    updated_at: int
    host: str
    name: str | None = None
    protocol: str = "http"
    port: int = 80
    path: str | None = None
    retries: int = 5
    connect_timeout: int = 60_000  # milliseconds, as the two below
    write_timeout: int = 60_000
    read_timeout: int = 60_000
    enabled: bool = True
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A name (unique) that Envoy passes, and what it matches. Needs no more than the name."""

    id: str
    created_at: int
    updated_at: int
    name: str | None = None
    service_id: str | None = None
    protocols: tuple[str, ...] = ("http", "https")
    methods: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    headers: Mapping[str, Any] | None = None
    strip_path: bool = True
    preserve_host: bool = False
    regex_priority: int = 0
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One plugin's configuration for a route, a service, both, or (neither) everything.

    Unique by name and scope; ``instance_name`` is unique by itself.
    """

    id: str
    created_at: int
    updated_at: int
    name: str
    config: Mapping[str, Any] = field(repr=False)
    instance_name: str | None = None
    route_id: str | None = None
    service_id: str | None = None
    enabled: bool = True
    protocols: tuple[str, ...] = ("grpc", "grpcs", "http", "https")
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminToken:
    """A token of the Admin API: its name and its hash are unique, the token itself is not kept.

    ``expires_at`` is the first second at which it is no longer valid, or None.
    """

    id: str
    created_at: int
    name: str
    role: str
    token_hash: bytes = field(repr=False)
    expires_at: int | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A key of the ring as it is kept: wrapped by the root key.

    ``purpose`` is ``data`` (seals credentials) or ``index`` (keys the blind index); at most one
    key of each purpose is active. ``recovery`` is the key encrypted to the recovery public key, if
    there is one. ``encryptions`` is at least how often it has sealed.
    """

    id: str  # 8 letters and digits
    created_at: int
    purpose: str
    wrapped: bytes = field(repr=False)
    active: bool = False
    recovery: bytes | None = field(default=None, repr=False)
    encryptions: int = 0


Entity = Consumer | StoredCredential | Acl | Service | Route | Plugin | AdminToken
