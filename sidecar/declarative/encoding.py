"""Declarations as bytes, for the way from one process of this program to another.

Never written anywhere: they hold keys in clear.  Reading one takes a fraction of what its file
takes.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from authsvc.apikey import ApiKey
from authsvc.entities import Acl, Consumer, Plugin, Route, Service
from sidecar.declarative.declaration import Declaration, DeclaredCredential


class _Credential(msgspec.Struct, frozen=True, array_like=True):
    id: str
    created_at: int
    consumer_id: str
    key: bytes
    generated: bool
    ttl: int | None
    expires_at: int | None
    tags: tuple[str, ...] | None
    enabled: bool
    name: str | None
    metadata: dict[str, Any] | None


class _Declaration(msgspec.Struct, frozen=True, array_like=True):
    format_version: str
    digest: str
    credentials: tuple[_Credential, ...]
    consumers: tuple[Consumer, ...]
    acls: tuple[Acl, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    plugins: tuple[Plugin, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Declaration)
_SAME = ("format_version", "digest", "consumers", "acls", "services", "routes", "plugins")
_CREDENTIAL = tuple(each.name for each in fields(DeclaredCredential) if each.name != "key")


def encode_declaration(declaration: Declaration, *, credentials: bool = True) -> bytes:
    """Return a declaration as bytes; ``credentials``: whether its keys go along.

    Raises:
        TypeError: A key is sealed: what nobody can open is of no use to another process.
    """
    told = declaration.credentials if credentials else ()
    return _encoder.encode(
        _Declaration(
            credentials=tuple(map(_sent, told)),
            **{name: getattr(declaration, name) for name in _SAME},
        )
    )


def decode_declaration(content: bytes) -> Declaration:
    """Return the declaration that was encoded.

    Raises:
        ValueError: It is none.
    """
    sent = _decoder.decode(content)
    return Declaration(
        credentials=tuple(map(_received, sent.credentials)),
        **{name: getattr(sent, name) for name in _SAME},
    )


def _sent(credential: DeclaredCredential) -> _Credential:
    if not isinstance(credential.key, ApiKey):
        raise TypeError("a sealed key is nothing to hand on")
    values: Mapping[str, Any] = {name: getattr(credential, name) for name in _CREDENTIAL}
    return _Credential(key=credential.key.reveal(), **values)


def _received(sent: _Credential) -> DeclaredCredential:
    values: Mapping[str, Any] = {name: getattr(sent, name) for name in _CREDENTIAL}
    return DeclaredCredential(key=ApiKey(sent.key), **values)
