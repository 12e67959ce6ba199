"""All keys of a declarative file are sealed, and nothing else of it changes."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sealed_file import SealedFileError, seal_keys
from sidecar.strict_yaml import parse


def seal(key: str) -> str:
    """Stand in for the crypto: what was sealed can be told."""
    return f"sealed:v1:{key.encode().hex()}"


FILE = """\ufeff# Gr\u00fc\u00dfe, \U0001f600
_format_version: "3.0"
consumers:
- username: alice   # the key of this one is old
  keyauth_credentials:
  - key: canary-1   # in clear
    tags: [a]
  - {key: "canary\\t2", ttl: 60}
  - key: |
      canary-3
    tags: [b]
  - tags: [generated]
  - key: null
- username: bob
  acls: [{group: staff}]
  keyauth_enc_credentials:
  - key: 'it''s canary-4'
  - key: "sealed:v1:abcd"
keyauth_credentials:
- consumer: bob
  key: canary-5
plugins:
- name: key-auth
  config: {key_names: [key]}
  key: not-a-credential
"""


def test_every_key_of_a_credential_is_sealed_and_the_rest_stays_to_the_byte() -> None:
    sealed, count = seal_keys(FILE, seal)
    expected = FILE
    for written, key in {
        "canary-1 ": "canary-1",
        '"canary\\t2"': "canary\t2",
        "|\n      canary-3\n": "canary-3\n",
        "'it''s canary-4'": "it's canary-4",
        "canary-5\n": "canary-5",
    }.items():
        end = written[-1] if written[-1] in " \n" else ""
        expected = expected.replace(f"key: {written}", f'key: "{seal(key)}"{end}')
    assert count == 5
    assert sealed == expected
    assert parse(sealed) != parse(FILE)


def test_json_keeps_its_order() -> None:
    document = {
        "consumers": [
            {"username": "\U0001f600", "keyauth_credentials": [{"tags": ["a"], "key": "canary"}]}
        ],
        "keyauth_credentials": [{"key": "canary-2", "consumer": "x"}, {"key": None}],
        "_format_version": "3.0",
    }
    sealed, count = seal_keys(json.dumps(document, indent="\t"), seal)
    document["consumers"][0]["keyauth_credentials"][0]["key"] = seal("canary")
    document["keyauth_credentials"][0]["key"] = seal("canary-2")
    assert count == 2
    assert list(json.loads(sealed).items()) == list(document.items())


def test_a_file_that_is_sealed_stays_as_it_is() -> None:
    once, _ = seal_keys(FILE, seal)
    assert seal_keys(once, seal) == (once, 0)


REFUSED = {
    "a number": ("keyauth_credentials:\n- key: 4711", "line 2"),
    "a truth value": ("keyauth_credentials:\n- key: yes", "line 2"),
    "a number in JSON": ('{"keyauth_credentials": [{"key": 4711}]}', "text"),
    "an anchor": ("keyauth_credentials:\n- key: &a canary\n- key: *a", "line 2"),
    "one list twice": (
        "consumers:\n- keyauth_credentials: &a [{key: canary}]\n- keyauth_credentials: *a",
        "anchor",
    ),
    "no YAML": ("keyauth_credentials: [canary", "not valid YAML"),
    "two documents": ("a: canary\n---\nb: c", "not valid YAML"),
    "nested YAML": ("a: " + "[" * 100_000, "YAML|too deeply"),
    "a list in lists": ("[" * 100_000, "too deeply"),
    "nested JSON": ('{"a":' * 100_000 + "1" + "}" * 100_000, "too deeply"),
    "a name twice in JSON": ('{"key": "canary", "key": "b"}', "two members"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_sealed_is_refused_without_being_shown(text: str, why: str) -> None:
    with pytest.raises(SealedFileError, match=why) as caught:
        seal_keys(text, seal)
    assert "canary" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_bomb_of_aliases_is_not_expanded() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    text = "\n".join(["a0: &a0 [x]", *levels, "consumers: *a39"])
    assert seal_keys(text, seal) == (text, 0)


@given(st.lists(st.text(min_size=1), max_size=4))
def test_whatever_the_keys_are_they_are_sealed(keys: list[str]) -> None:
    document = {"keyauth_credentials": [{"key": key} for key in keys]}
    written = yaml.safe_dump(document)
    sealed, count = seal_keys(written, seal)
    assert count == len(keys)
    found = [each["key"] for each in yaml.safe_load(sealed)["keyauth_credentials"]]
    assert found == [seal(key) for key in keys]


@given(st.text())
def test_any_text_is_sealed_or_refused_in_our_words(text: str) -> None:
    with suppress(SealedFileError):
        seal_keys(text, seal)
