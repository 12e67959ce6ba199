import time

import pytest

from analytics.errors import PatternError
from analytics.patterns import MAX_LENGTH, Pattern, PatternSet


def test_an_expression_is_found_anywhere() -> None:
    assert Pattern(r"b(c|d)\d").is_in(b"abd1")
    assert not Pattern(r"^b").is_in(b"ab")


REFUSED = {
    "look-ahead": "(?=x)",
    "look-behind": "(?<!a)b",
    "back-reference": r"(a)\1",
    "unbalanced": "[",
    "huge": "((a{100}){100}){100}",
    "too long": "a" * (MAX_LENGTH + 1),
    "a lone surrogate": "\ud800",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_searched_in_linear_time_is_refused_without_a_word(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(text)
    assert text not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_an_expression_that_backtracks_elsewhere_is_searched_in_linear_time() -> None:
    started = time.process_time()
    assert not Pattern("^(a+)+$").is_in(b"a" * 50_000 + b"b")
    assert time.process_time() - started < 5  # Python's own engine would need centuries


def test_bytes_that_are_no_text_are_searched_as_well() -> None:
    assert Pattern("b").is_in(b"\xff\xfeb")


def test_a_set_tells_of_each() -> None:
    patterns = PatternSet([Pattern("(?i)a|b"), Pattern("c"), Pattern(r"\Qa"), Pattern("^$")])
    assert patterns.is_joined
    found = [set(patterns.found_in(text) or ()) for text in (b"A", b"bc", b"a", b"", b"d")]
    assert found == [{0}, {0, 1}, {0, 2}, {3}, set()]


def test_a_set_that_is_too_large_is_asked_one_by_one(capfd: pytest.CaptureFixture[str]) -> None:
    large = [Pattern(rf"^/{number}(ab{{1,400}}){{1,2}}$") for number in range(130)]
    patterns = PatternSet([*large, Pattern("b$")])
    assert not patterns.is_joined
    assert patterns.found_in(b"/7ab") == [7, 130]
    assert capfd.readouterr() == ("", "")


def test_a_set_of_nothing_finds_nothing() -> None:
    assert not PatternSet(()).found_in(b"x")
