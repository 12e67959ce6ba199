"""What one method of an endpoint takes and gives: what the OpenAPI document is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.admin.schema import Schema

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An entity as clients send it; ``partial``: only what shall change."""

    schema: Schema
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """An entity as it is answered."""

    schema: Schema


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of entities, or of what a JSON Schema says."""

    of: Schema | JsonSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method.

    Attributes:
        summary: What it does, in a line.
        status: What a success is answered with.
        gives: The body of a success; None: there is none.
        takes: The body of the request; None: there is none.
        arguments: The names of the arguments in the query that mean something.
    """

    summary: str
    status: int = 200
    gives: Shown | Listed | JsonSchema | None = None
    takes: Sent | JsonSchema | None = None
    arguments: tuple[str, ...] = ()
