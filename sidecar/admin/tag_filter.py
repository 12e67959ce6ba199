"""The ``tags`` argument of a list: ``a,b`` wants all of them, ``a/b`` any."""

import unicodedata

from authsvc.store import TagFilter
from sidecar.admin.arguments import Arguments
from sidecar.admin.problems import ProblemError, invalid_option

_MOST = 5
_NOT_IN_TAGS = frozenset({"Cc", "Cs"})  # control characters, and bytes that were no UTF-8


def parse_tag_filter(arguments: Arguments) -> TagFilter | None:
    """Return what the first ``tags`` argument asks for, None without one.

    Raises:
        ProblemError: It is empty, mixes both operators, or asks for too much.
    """
    if not arguments.has("tags"):
        return None
    text = arguments.first("tags")
    if not text:
        raise _refused("cannot be null")
    if ("," in text and "/" in text) or not _is_printable(text):
        raise _refused("invalid filter syntax")
    operator = "/" if "/" in text else ","
    tags = text.removesuffix(operator).split(operator)  # Kong lets an operator trail
    if not all(tags):
        raise _refused("invalid filter syntax")
    if len(tags) > _MOST:
        raise _refused(f"cannot query more than {_MOST} tags")
    return TagFilter(tuple(tags), "any" if operator == "/" else "all")


def _is_printable(text: str) -> bool:
    return not any(unicodedata.category(character) in _NOT_IN_TAGS for character in text)


def _refused(reason: str) -> ProblemError:
    return invalid_option("tags", reason)
