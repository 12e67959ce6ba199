"""The tags argument of a list."""

import pytest

from authsvc.store import TagFilter
from sidecar.admin.arguments import Arguments
from sidecar.admin.problems import ProblemError
from sidecar.admin.tag_filter import parse_tag_filter

FILTERS = {
    "": None,
    "tags=a": TagFilter(("a",), "all"),
    "tags=a,b": TagFilter(("a", "b"), "all"),
    "tags=a/b": TagFilter(("a", "b"), "any"),
    "tags=corp_%20a": TagFilter(("corp_ a",), "all"),
    "tags=a&tags=b": TagFilter(("a",), "all"),
    "tags=a,": TagFilter(("a",), "all"),
    "tags=%F0%9F%A6%8D": TagFilter(("🦍",), "all"),
    "tags=a,b,c,d,e": TagFilter(("a", "b", "c", "d", "e"), "all"),
}


@pytest.mark.parametrize(("query", "wanted"), FILTERS.items(), ids=FILTERS)
def test_reads_what_is_wanted(query: str, wanted: TagFilter | None) -> None:
    assert parse_tag_filter(Arguments.parse(query)) == wanted


REFUSED = {
    "tags=": "cannot be null",
    "tags": "cannot be null",
    "tags=a,b/c": "invalid filter syntax",
    "tags=,a": "invalid filter syntax",
    "tags=a,,b": "invalid filter syntax",
    "tags=,": "invalid filter syntax",
    "tags=%01": "invalid filter syntax",
    "tags=%FF": "invalid filter syntax",
    "tags=a,b,c,d,e,f": "cannot query more than 5 tags",
}


@pytest.mark.parametrize(("query", "why"), REFUSED.items(), ids=REFUSED)
def test_says_what_is_wrong(query: str, why: str) -> None:
    with pytest.raises(ProblemError) as problem:
        parse_tag_filter(Arguments.parse(query))
    assert problem.value.body == {
        "code": 11,
        "name": "invalid options",
        "message": f"invalid option (tags: {why})",
        "options": {"tags": why},
    }
