"""The settings: read once at start, checked, frozen.

Precedence: defaults < YAML file < environment < flags.  What callers can rely on:

1. ``load`` is the only reader of the environment, and takes it as an argument.
2. Unknown names are errors. An error is one line that names the setting, and never its value.
3. What ``load`` returns has passed every check of ``sidecar.settings_checks``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
import yaml

from sidecar.errors import SettingsError
from sidecar.keyring_checks import read_recovery_key, read_root_key
from sidecar.secret import MASK
from sidecar.secret_coding import encode_secret
from sidecar.settings_checks import addresses, check, read_token, reveals_keys, warnings
from sidecar.settings_fields import FIELDS, value_of
from sidecar.settings_model import (
    DB_LESS,
    Admin,
    Analytics,
    Authsvc,
    Database,
    Diagnostics,
    Keyring,
    Log,
    Settings,
    Tls,
)
from sidecar.settings_sources import CONFIG_VARIABLE, read_environment, read_file

__all__ = [
    "DB_LESS",
    "FIELDS",
    "Admin",
    "Analytics",
    "Authsvc",
    "Database",
    "Diagnostics",
    "Keyring",
    "Log",
    "Settings",
    "SettingsError",
    "Tls",
    "addresses",
    "load",
    "read_recovery_key",
    "read_root_key",
    "read_token",
    "redacted",
    "reveals_keys",
    "value_of",
    "warnings",
]

S = TypeVar("S", bound=msgspec.Struct)

_NO_FLAGS: Mapping[str, object] = MappingProxyType({})


def load(
    *,
    config: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object] = _NO_FLAGS,
    opens_keys: bool = True,
) -> Settings:
    """Read, merge and check the settings.

    Args:
        config: The YAML file; None: the one that the environment names, if it does.
        environ: The environment.
        flags: Settings by full name (``authsvc.workers``) that the command line gives.
        opens_keys: Whether they are for something that needs the root key.

    Raises:
        SettingsError: Something is wrong; the text is one line for the operator.
    """
    path = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    given = read_file(path, FIELDS) if path else {}
    given |= read_environment(environ, FIELDS)
    given |= flags
    settings = _build(given)
    check(settings, opens_keys=opens_keys)
    return settings


def redacted(settings: Settings) -> str:
    """Return the settings as the YAML that would give them, secrets masked."""
    document = msgspec.to_builtins(settings, enc_hook=_mask)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=False)


def _build(given: Mapping[str, object]) -> Settings:
    document: dict[str, Any] = {}
    for name, value in given.items():
        *sections, field = name.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[field] = FIELDS[name].convert(value)
    return _made(Settings, document)


def _made(struct: type[S], values: Mapping[str, Any]) -> S:
    sections = {
        info.name: info.type
        for info in msgspec.structs.fields(struct)
        if isinstance(info.type, type) and issubclass(info.type, msgspec.Struct)
    }
    return struct(
        **{
            name: _made(sections[name], value) if name in sections else value
            for name, value in values.items()
        }
    )


def _mask(value: object) -> str:
    text = encode_secret(value)
    scheme, separator, _ = text.partition("://")
    if text == DB_LESS:
        return text
    return f"{scheme}://{MASK}" if separator else MASK
