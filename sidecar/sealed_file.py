"""Seals the keys of a declarative file, and leaves every other byte of it as it is.

YAML keeps its comments and its order: only the text of each key is replaced.  JSON is written anew,
in the order that it had.  A key that is sealed already stays.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from authsvc.sealed_key import is_sealed
from sidecar.errors import SidecarError
from sidecar.strict_yaml import refuse_deep, syntax_error

CREDENTIALS = ("keyauth_credentials", "keyauth_enc_credentials")
_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"

Seal = Callable[[str], str]
"""Returns a key sealed, and raises ValueError, without the key, if that is no key."""


class SealedFileError(SidecarError):
    """A declarative file whose keys cannot be sealed; says where, and shows nothing of it."""


def seal_keys(text: str, seal: Seal) -> tuple[str, int]:
    """Return a declarative file with all its keys sealed, and how many were.

    Raises:
        SealedFileError: It is neither YAML nor JSON, or one of its keys is not a plain text.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unrepeated)
    except ValueError:
        return _in_yaml(text, seal)
    except RecursionError:
        raise SealedFileError("the file is nested too deeply") from None
    count = _in_json(document, seal)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n", count


def _in_json(document: Any, seal: Seal) -> int:
    count = 0
    for credential in _json_credentials(document):
        key = credential.get("key")
        if isinstance(key, str) and not is_sealed(key):
            credential["key"] = _sealed(key, seal, "a key")
            count += 1
        elif key is not None and not isinstance(key, str):
            raise SealedFileError("a key has to be a text: put it in quotes")
    return count


def _json_credentials(document: Any) -> Iterator[dict[str, Any]]:
    holders = [document] if isinstance(document, dict) else []
    for holder in holders:
        consumers = holder.get("consumers")
        if holder is document and isinstance(consumers, list):
            holders += [each for each in consumers if isinstance(each, dict)]
        for name in CREDENTIALS:
            listed = holder.get(name)
            yield from (each for each in listed or () if isinstance(each, dict))


def _in_yaml(text: str, seal: Seal) -> tuple[str, int]:
    start = 1 if text.startswith("\ufeff") else 0  # a mark of the byte order counts for nothing
    document = _composed(text[start:])
    parts, at = [text[:start]], 0
    keys = [node for node in _yaml_keys(document) if not is_sealed(node.value)]
    for node in keys:
        begin, end = node.start_mark.index, node.end_mark.index
        where = f"line {node.start_mark.line + 1}: a key"
        written = text[start + begin : start + end]
        if begin < at or written.startswith("&"):
            raise SealedFileError(f"{where} is an anchor or an alias: write it out")
        if node.tag != _TEXT:
            raise SealedFileError(f"{where} has to be a text: put it in quotes")
        line_end = "\n" if written.endswith("\n") else ""  # of a block
        sealed = f'"{_sealed(node.value, seal, where)}"{line_end}'
        parts += [text[start + at : start + begin], sealed]
        at = end
    return "".join([*parts, text[start + at :]]), len(keys)


def _composed(text: str) -> yaml.Node | None:
    try:
        refuse_deep(text)
        # Nothing is constructed and no alias expanded: a small file stays small.
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise SealedFileError(f"the file {syntax_error(error)}") from None
    except ValueError as error:
        raise SealedFileError(f"the file {error}") from None
    return node


def _yaml_keys(document: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    for credential in sorted(_yaml_credentials(document), key=lambda node: node.start_mark.index):
        for name, value in _members(credential):
            if name == "key" and isinstance(value, yaml.ScalarNode) and value.tag != _NULL:
                yield value


def _yaml_credentials(document: yaml.Node | None) -> list[yaml.Node]:
    found: list[yaml.Node] = []
    holders = [] if document is None else [document]
    for holder in holders:
        for name, value in _members(holder):
            if not isinstance(value, yaml.SequenceNode):
                continue
            if name in CREDENTIALS:
                found += value.value
            elif name == "consumers" and holder is document:
                holders += value.value
    return found


def _members(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                yield name.value, value


def _sealed(key: str, seal: Seal, where: str) -> str:
    try:
        return seal(key)
    except ValueError as error:
        raise SealedFileError(f"{where} {error}") from None


def _unrepeated(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) < len(members):
        raise SealedFileError("an object has two members of one name")
    return made
