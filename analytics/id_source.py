"""Where a consumer carries the id of its user or company: how an operator writes that down."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

IdField = Literal["tags", "metadata", "custom_id", "username", "id"]
_NAMED = ("tags", "metadata")  # the fields of which a part is meant


@dataclass(frozen=True, slots=True)
class IdSource:
    """One source.

    Attributes:
        field: Of the consumer; ``metadata`` is that of its key.
        name: What the tag begins with, or which member of the metadata it is.
    """

    field: IdField
    name: str = ""


def parse_id_sources(text: str) -> tuple[IdSource, ...]:
    """Read sources in order, separated by commas: ``tags:company:, custom_id``.

    No tag holds a comma.

    Raises:
        ValueError: Says what is wrong.
    """
    return tuple(_parse(part.strip()) for part in text.split(","))


def _parse(text: str) -> IdSource:
    field, _, name = text.partition(":")
    if field not in get_args(IdField) or bool(name) != (field in _NAMED):
        raise ValueError(
            "expected custom_id, username, id, tags:<prefix> or metadata:<member>, "
            "or several separated by commas"
        )
    return IdSource(cast("IdField", field), name)
