"""YAML as settings need it: safe types only, no name twice, and errors that show nothing of it.

PyYAML's own errors quote the file, which may hold a password; ours give the place only.
"""

import re
from collections.abc import Hashable
from typing import Any, TextIO

import yaml

_DEEPEST = 100  # levels
_NAME = re.compile(r"[\w.-]{1,60}")


def parse(source: str | TextIO) -> Any:
    """Return the one document in a text or an open file.

    Raises:
        ValueError: It is not YAML, not one document, nested too deeply, or sets a name twice; the
            message says where.
    """
    try:
        return yaml.load(source, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(syntax_error(error)) from None
    except _RepeatedNameError as error:
        raise ValueError(str(error)) from None
    except UnicodeDecodeError:
        raise  # told by whoever opened the file
    except ValueError:  # a tag or a date that its text is not fit for, which the error quotes
        raise ValueError("is not valid YAML") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def refuse_deep(text: str) -> None:
    """Refuse a document that is nested more deeply than any that makes sense.

    The fast loader (``yaml.CSafeLoader``) composes by recursion in C: it takes the process down.

    Raises:
        ValueError: It is nested too deeply, or is not YAML.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEEPEST:
                    raise ValueError("is nested too deeply")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError as error:
        raise ValueError(syntax_error(error)) from None


def syntax_error(error: yaml.YAMLError) -> str:
    """Return what an error of PyYAML says, without what it quotes."""
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"is not valid YAML{place}"


def shown_name(name: object) -> str:
    """Return a name as an error may show it: what is no name may be a misplaced value."""
    text = str(name)
    return text if _NAME.fullmatch(text) else "(something that is not a name)"


class _RepeatedNameError(Exception):
    pass


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice in a mapping: PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # refused below, as YAML's own error
            if key in seen:
                line = key_node.start_mark.line + 1
                raise _RepeatedNameError(f"sets {shown_name(key)} twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
