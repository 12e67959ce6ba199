"""The settings: read once at start, checked, frozen.

Precedence: defaults < YAML file < environment < flags.  What callers can rely on:

1. ``load`` is the only reader of the environment, and takes it as an argument.
2. Unknown names are errors. An error is one line that names the setting, and never its value.
3. What ``load`` returns has passed every check of ``sidecar.settings_checks``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from sidecar.errors import SettingsError
from sidecar.secret import MASK, Secret
from sidecar.settings_checks import (
    FIELDS,
    addresses,
    check,
    read_recovery_key,
    read_root_key,
    read_token,
    reveals_keys,
    value_of,
    warnings,
)
from sidecar.settings_fields import decode_secret
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
    "addresses",
    "decode_secret",
    "encode_secret",
    "load",
    "read_recovery_key",
    "read_root_key",
    "read_token",
    "redacted",
    "reveals_keys",
    "value_of",
    "warnings",
]

_NO_FLAGS: Mapping[str, object] = MappingProxyType({})


def load(
    *,
    config: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object] = _NO_FLAGS,
) -> Settings:
    """Read, merge and check the settings.

    Args:
        config: The YAML file; None: the one that the environment names, if it does.
        environ: The environment.
        flags: Settings by full name (``authsvc.workers``) that the command line gives.

    Raises:
        SettingsError: Something is wrong; the text is one line for the operator.
    """
    path = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    given = read_file(path, FIELDS) if path else {}
    given |= read_environment(environ, FIELDS)
    given |= flags
    settings = _build(given)
    check(settings)
    return settings


def redacted(settings: Settings) -> str:
    """Return the settings as the YAML that would give them, secrets masked."""
    document = msgspec.to_builtins(settings, enc_hook=_mask)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=False)


def encode_secret(value: object) -> str:
    """Reveal a secret: msgspec's ``enc_hook`` for handing settings to a child process.

    Raises:
        NotImplementedError: It is no secret.
    """
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def _build(given: Mapping[str, object]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for name, value in given.items():
        section, dot, field = name.rpartition(".")
        (sections.setdefault(section, {}) if dot else top)[field] = FIELDS[name].convert(value)
    for name, values in sections.items():
        top[name] = _SECTIONS[name](**values)
    return Settings(**top)


def _mask(value: object) -> str:
    text = encode_secret(value)
    scheme, separator, _ = text.partition("://")
    if text == DB_LESS:
        return text
    return f"{scheme}://{MASK}" if separator else MASK


_SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    info.name: info.type
    for info in msgspec.structs.fields(Settings)
    if isinstance(info.type, type) and issubclass(info.type, msgspec.Struct)
}
