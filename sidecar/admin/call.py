"""A request to the Admin API and its answer, as plain values."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.admin.arguments import Arguments
from sidecar.admin.payload import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was routed.

    Attributes:
        path: As the caller wrote it, without query and trailing slash; links are made of it.
        segments: The parameters of the path, decoded; bytes that are no UTF-8 are lone surrogates.
        arguments: The query.
        payload: The body; empty where the method has none.
    """

    path: str
    segments: Mapping[str, str] = field(default_factory=dict)
    arguments: Arguments = field(default_factory=lambda: Arguments(()))
    payload: Payload = field(default_factory=Payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer.

    Attributes:
        body: A JSON object, or None: no body.
        wrote: Whether the request was to write something.
        seq: The change that it made, None if nothing was left to change.
    """

    status: int = 200
    body: Mapping[str, Any] | None = None
    wrote: bool = False
    seq: int | None = None


Handler = Callable[[Call], Awaitable[Reply]]
