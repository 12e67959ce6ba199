"""What the fields of a ``moesif`` configuration may hold: their types, ranges and checks."""

from dataclasses import dataclass, fields
from typing import Literal

from analytics import config_checks as checks
from analytics.config_checks import Check
from analytics.skip_rules import SkipRule

FieldType = Literal["string", "number", "boolean", "array", "map"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldKind:
    """What a field may hold.

    Attributes:
        type: Kong's name of its type.
        check: Returns what is wrong with a value that is not null, or None.
        between: The range of a number, both ends included.
        one_of: The only values there are, if they are few.
        members: Those of an array's elements, which are records of texts; empty: the elements
            are texts.
        is_name: The empty text means that it is not configured.
    """

    type: FieldType
    check: Check
    between: tuple[int, int] | None = None
    one_of: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    is_name: bool = False


def whole_number(least: int, most: int) -> FieldKind:
    """Return the kind of a whole number within these bounds."""
    check = checks.whole_number(least=least, most=most)
    return FieldKind(type="number", check=check, between=(least, most))


def choice(*values: str) -> FieldKind:
    """Return the kind of a text that is one of these."""
    return FieldKind(type="string", check=checks.one_of(values), one_of=values)


def text(check: Check) -> FieldKind:
    """Return the kind of a text that may be empty, or passes this check."""
    return FieldKind(type="string", check=checks.empty_or(check), is_name=True)


BOOLEAN = FieldKind(type="boolean", check=checks.boolean)
NAME = text(checks.text)
HEADER_NAME = text(checks.header_name)
IDENTITY_HEADER = text(checks.real_header_name)
IDENTITY_HEADER_LIST = text(checks.header_list)
HEADER_NAMES = FieldKind(type="array", check=checks.array_of(checks.header_name))
NAMES = FieldKind(type="array", check=checks.array_of(checks.filled_text))
APPLICATION_ID = FieldKind(type="string", check=checks.application_id)
ENDPOINT = FieldKind(type="string", check=checks.endpoint)
ID_SOURCES = text(checks.id_sources)
CERTIFICATE_FIELD = text(checks.certificate)
METADATA = FieldKind(type="map", check=checks.metadata)
SKIP_RULES = FieldKind(
    type="array", check=checks.skip_rules, members=tuple(each.name for each in fields(SkipRule))
)
