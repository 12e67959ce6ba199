from analytics.merge_tags import filled, filled_text, has_tags


def text(given: str, variables: set[str], **values: str) -> str:
    return filled_text(given, variables, values)


def test_tags_of_declared_variables_are_replaced() -> None:
    assert text("a {{plan}} b {{ plan }}", {"plan"}, plan="Pro") == "a Pro b Pro"


def test_other_tags_stay() -> None:
    assert text("{{plan}} {{other}} {{", {"plan"}, plan="Pro", other="x") == "Pro {{other}} {{"


def test_what_has_no_value_is_the_default_or_unknown() -> None:
    assert text("{{0}}", {"0"}) == "UNKNOWN"
    assert text("{{0|none}}", {"0"}) == "none"
    assert text("{{0|none}}", {"0"}, **{"0": "V"}) == "V"


def test_a_value_is_text_and_is_not_filled_again() -> None:
    assert text("{{0}}", {"0", "1"}, **{"0": r"\1 {{1}} $&", "1": "x"}) == r"\1 {{1}} $&"


def test_all_texts_of_a_value_are_filled() -> None:
    given = {"a": {"b": "{{0}}"}, "l": ["x {{0}}", 1, None], "{{0}}": True}
    assert has_tags(given, {"0"})
    assert not has_tags(given, {"1"})
    assert filled(given, {"0"}, {"0": "V"}) == {
        "a": {"b": "V"},
        "l": ["x V", 1, None],
        "{{0}}": True,
    }
    assert given["a"] == {"b": "{{0}}"}


def test_a_text_full_of_braces_is_read_in_linear_time() -> None:
    assert text("{{" * 100_000, {"0"}) == "{{" * 100_000
