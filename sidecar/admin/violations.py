"""What a store refused, told as a problem."""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from authsvc.errors import ForeignKeyViolationError, UniqueViolationError, UnstorableValueError
from sidecar.admin.codec import Codec, E
from sidecar.admin.problems import (
    REDACTED,
    ProblemError,
    dangling_reference,
    primary_key_violation,
    schema_violation,
    unique_violation,
)
from sidecar.admin.schema import Schema

R = TypeVar("R")


async def written(
    write: Awaitable[R], document: Mapping[str, Any], *, schema: Schema, codec: Codec[E]
) -> R:
    """Return what a write of this document returns.

    Raises:
        ProblemError: The store refused it; secrets of the document are not among the reasons.
    """
    try:
        return await write
    except UniqueViolationError as error:
        raise _collision(error.fields, document, schema, codec) from None
    except ForeignKeyViolationError as error:
        name = codec.field_of(error.field)
        entity = schema.references[name].entity
        raise dangling_reference(name, entity, document[name]["id"]) from None
    except UnstorableValueError as error:
        name = codec.field_of(error.field)
        raise schema_violation({name: "has a value that cannot be stored"}) from None


def _collision(
    columns: tuple[str, ...], document: Mapping[str, Any], schema: Schema, codec: Codec[E]
) -> ProblemError:
    if columns == ("id",):
        return primary_key_violation(document["id"])
    values = codec.collision(columns, document)
    secrets = {name for name, known in schema.fields.items() if known.secret}
    return unique_violation(
        {name: REDACTED if name in secrets else value for name, value in values.items()}
    )
