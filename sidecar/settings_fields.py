"""Settings by their full names: what each may be, and what it is called in the environment.

The names and types come from the structs themselves, so that a new setting needs no second entry.
"""

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from sidecar import strict_yaml
from sidecar.errors import SettingsError
from sidecar.secret import Secret
from sidecar.secret_coding import decode_secret
from sidecar.settings_model import Settings

PREFIX = "TOLLKEEPER_"
_NULLS = ("", "null")
_INTEGER = re.compile(r"-?[0-9]{1,18}")  # int() also takes 1_0, and the digits of other scripts
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its full name, such as ``authsvc.workers``, and its type."""

    name: str
    type: Any

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper().replace(".", "__")

    @property
    def label(self) -> str:
        """Both names, as errors give them."""
        return f"{self.name} ({self.variable})"

    @property
    def secret(self) -> bool:
        """Whether it may also be given as a file, by ``<variable>_FILE``."""
        return Secret in _alternatives(self.type)

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        return types.NoneType in _alternatives(self.type)

    def error(self, problem: str) -> SettingsError:
        """Make the error that names this setting both ways. The problem must not hold its value."""
        return SettingsError(f"{self.label}: {problem}")

    def convert(self, value: object) -> Any:
        """Check a value against the setting's type.

        Raises:
            SettingsError: It is not of that type.
        """
        try:
            return msgspec.convert(value, self.type, dec_hook=decode_secret)
        except (msgspec.ValidationError, TypeError):
            # msgspec's own text may show the value, and knows nothing of names.
            raise self.error(f"expected {_expectation(self.type)}{_quoting(self, value)}") from None

    def read(self, text: str) -> object:
        """Return what the text of an environment variable stands for, for ``convert`` to check."""
        if self.nullable and text.strip() in _NULLS:
            return None
        return _reader(self.type)(text)


def fields_of(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, Field]:
    """Return every setting of a struct of sections, by full name, in order."""
    found: dict[str, Field] = {}
    for info in msgspec.structs.fields(struct):
        name = prefix + info.name
        if isinstance(info.type, type) and issubclass(info.type, msgspec.Struct):
            found |= fields_of(info.type, f"{name}.")
        else:
            found[name] = Field(name, info.type)
    return found


def value_of(settings: Settings, name: str) -> object:
    """Return a setting by its full name."""
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean …?)" for the known name nearest to a wrong one, or nothing."""
    candidates = list(known)
    same_end = [each for each in candidates if each.rpartition(".")[2] == name.rpartition(".")[2]]
    near = same_end or difflib.get_close_matches(name, candidates, n=1, cutoff=0.7)
    return f" (did you mean {near[0]}?)" if near else ""


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (types.UnionType, Union) else (kind,)


def _plain(kind: Any) -> Any:
    """The type without null and without bounds."""
    first = next(each for each in _alternatives(kind) if each is not types.NoneType)
    return get_args(first)[0] if get_origin(first) is Annotated else first


def _expectation(kind: Any) -> str:
    plain = _plain(kind)
    if get_origin(plain) is Literal:
        words = " or ".join(filter(None, [", ".join(get_args(plain)[:-1]), get_args(plain)[-1]]))
    elif plain is int:
        words = f"a whole number{_bounds(kind)}"
    else:
        words = _WORDS[get_origin(plain) or plain]
    return f"{words}, or null" if types.NoneType in _alternatives(kind) else words


def _quoting(field: Field, value: object) -> str:
    plain = _plain(field.type)
    if isinstance(value, bool) and (plain in (str, Secret) or get_origin(plain) is Literal):
        return " (YAML takes a bare off, on, yes or no for a truth value: put it in quotes)"
    return ""


def _bounds(kind: Any) -> str:
    # Those of a type that may be null are inside of it.
    metas = (meta for each in _alternatives(kind) for meta in getattr(each, "__metadata__", ()))
    meta = next(metas, None)
    if meta is None:
        return ""
    return f" of {meta.ge} or more" if meta.le is None else f" from {meta.ge} to {meta.le}"


def _reader(kind: Any) -> Callable[[str], object]:
    plain = _plain(kind)
    return _READERS.get(get_origin(plain) or plain, str)


# What cannot be read stays a text: of a wrong type, and refused as such.


def _read_int(text: str) -> object:
    digits = text.strip()
    return int(digits) if _INTEGER.fullmatch(digits) else text


def _read_bool(text: str) -> object:
    return _BOOLEANS.get(text.strip().lower(), text)


def _read_mapping(text: str) -> object:
    try:
        return strict_yaml.parse(text)  # JSON is YAML
    except ValueError:
        return text


def _read_list(text: str) -> object:
    if text.lstrip().startswith("["):
        return _read_mapping(text)
    return [part.strip() for part in text.split(",") if part.strip()]


_WORDS: Mapping[Any, str] = {
    str: "a text that is not empty",
    Secret: "a text that is not empty",
    bool: "true or false",
    dict: "a mapping",
    tuple: "a list of texts",
}
_READERS: Mapping[Any, Callable[[str], object]] = {
    int: _read_int,
    bool: _read_bool,
    dict: _read_mapping,
    tuple: _read_list,
}

FIELDS: Mapping[str, Field] = fields_of(Settings)
