import pytest

from sidecar.declarative import document
from sidecar.declarative.document import DocumentError, parse_document


def test_json_is_read_as_json_and_all_else_as_yaml() -> None:
    assert parse_document(b'{"a": [1, null, "x"]}') == {"a": [1, None, "x"]}
    assert parse_document(b"a: [1, ~, x]\nb:\n  c: yes\n") == {
        "a": [1, None, "x"],
        "b": {"c": True},
    }


VALUES = {
    "a quoted number is a text": (b'a: "3.0"', "3.0"),
    "a plain number is a number": (b"a: 3.0", 3.0),
    "a date is the text that it is": (b"a: 2026-01-31", "2026-01-31"),
    "a tag makes a text of a number": (b"a: !!str 12", "12"),
    "hexadecimal": (b"a: 0x10", 16),
    "a block": (b"a: |\n  x\n  y\n", "x\ny\n"),
    "nothing": (b"a:", None),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_a_value_of_yaml_is_what_the_format_says(text: bytes, value: object) -> None:
    assert parse_document(text) == {"a": value}


def test_aliases_and_merges_are_written_out() -> None:
    text = b"d: &d {retries: 1, port: 80}\na: {<<: *d, port: 81}\nb: *d\n"
    defaults = {"retries": 1, "port": 80}
    assert parse_document(text) == {"d": defaults, "a": {"retries": 1, "port": 81}, "b": defaults}


REFUSED = {
    "a name twice": b"a: 1\na: 2",
    "two documents": b"a: 1\n---\nb: 2",
    "an alias of nothing": b"a: *b",
    "an alias within itself": b"a: &a [*a]",
    "a tag of Python": b"a: !!python/object:os.system x",
    "a tag of a collection": b"a: !!set {x}",
    "a number that is none": b"a: !!int x",
    "a list as a name": b"? [a]\n: 1",
    "an alias as a name": b"a: &x y\n*x : 1",
    "lists in lists in lists": b"[" * 200_000,
    "lists in lists in lists, in the other style": b"- " * 200_000,
    "objects in objects, as JSON": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "not YAML": b"a: [",
    "not UTF-8": b"a: \xff\xfe",
    "a merge of a number": b"a: {<<: 1}",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_place_and_without_its_text(text: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_document(text)
    message = str(refused.value)
    assert message.startswith("failed parsing declarative configuration: ")
    assert text.decode("latin-1") not in message


def test_aliases_of_aliases_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = "a0: &a0 [x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    with pytest.raises(DocumentError, match="too many values"):
        parse_document(bomb.encode())
    monkeypatch.setattr(document, "MAX_VALUES", 12)
    assert parse_document(b"a: &a [x, x]\nb: *a\n")
    with pytest.raises(DocumentError, match="too many values"):
        parse_document(b"a: &a [x, x, x, x]\nb: *a\nc: *a\n")


def test_what_is_too_long_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_LENGTH", 3)
    with pytest.raises(DocumentError, match="longer than"):
        parse_document(b"a: 1")
