"""Arguments of a query."""

import pytest

from sidecar.admin.arguments import Arguments, is_utf8, printable
from sidecar.admin.problems import ProblemError


def test_names_and_values_are_decoded_once() -> None:
    arguments = Arguments.parse("a%62=c%2525+d&%F0%9F%A6%8D=1")
    assert arguments.pairs == (("ab", "c%25 d"), ("🦍", "1"))


def test_no_value_differs_from_an_empty_one() -> None:
    arguments = Arguments.parse("a&b=&&=x")
    assert arguments.pairs == (("a", None), ("b", ""))
    assert arguments.has("a")
    assert arguments.first("a") is None
    assert not arguments.has("c")


def test_the_first_of_several_counts() -> None:
    assert Arguments.parse("a=1&a=2").first("a") == "1"
    assert Arguments.parse("a=1&a=2").values("a") == ["1", "2"]


def test_a_thousand_are_let_through_and_no_more() -> None:
    assert len(Arguments.parse("&".join(["a=1"] * 1000)).pairs) == 1000
    with pytest.raises(ProblemError) as problem:
        Arguments.parse("&".join(["a=1"] * 1001))
    assert problem.value.body == {"message": "Too many arguments"}


def test_broken_utf8_can_be_told_and_shown() -> None:
    value = Arguments.parse("a=%FFx").first("a") or ""
    assert not is_utf8(value)
    assert is_utf8("🦍")
    assert printable(value) == "�x"
