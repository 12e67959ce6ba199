"""What is written is read as the same values, by PyYAML and by libyaml."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.declarative.document import parse_document
from sidecar.transfer.yaml_lines import entity_lines, flow

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda members: st.lists(members) | st.dictionaries(TEXTS, members),
    max_leaves=8,
)


def read_back(text: str) -> list[Any]:
    return [
        yaml.safe_load(text),
        yaml.load(text, Loader=yaml.CSafeLoader),
        parse_document(text.encode()),
    ]


@given(st.dictionaries(st.sampled_from(["id", "key", "tags", "metadata"]), VALUES, min_size=1))
def test_any_value_is_read_as_it_was(entity: dict[str, Any]) -> None:
    text = "".join(entity_lines(entity))
    assert text.count("\n") == len(entity)
    assert read_back(text) == [[entity]] * 3


def test_what_looks_like_something_else_stays_a_text() -> None:
    for text in ("yes", "null", "1e3", "0x10", "~", "12:30", "# x", "- a", "2020-01-01", "<<", ""):
        assert read_back(f"- {flow(text)}\n") == [[text]] * 3


def test_long_names_are_names() -> None:
    value = {"n" * 2000: {"m" * 2000: 1}, "o": 2}
    assert read_back(f"- {flow(value)}\n") == [[value]] * 3
