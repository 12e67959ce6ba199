"""Where settings come from: a YAML file, and the environment. Each gives values by full name.

Unknown names are errors, whichever the source: a misspelt setting would silently keep its default.
No error shows a value.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sidecar import strict_yaml
from sidecar.errors import SettingsError
from sidecar.secret_file import read_secret
from sidecar.settings_fields import PREFIX, Field, suggestion
from sidecar.strict_yaml import shown_name

CONFIG_VARIABLE = "TOLLKEEPER_CONFIG"
ADMIN_URL_VARIABLE = "TOLLKEEPER_ADMIN_URL"
# The last one is for the build: see hatch_build.py.
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, ADMIN_URL_VARIABLE, "TOLLKEEPER_MYPYC"})

# Kubernetes tells every pod about every Service of its namespace in variables such as
# TOLLKEEPER_SERVICE_HOST: a Service of our name must not keep us from starting.
_SERVICE_LINK = re.compile(
    r"[A-Z0-9]+(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_[A-Z]+(_[A-Z]+)?)"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


def read_file(path: Path, fields: Mapping[str, Field]) -> dict[str, object]:
    """Return the settings that a YAML file gives.

    Raises:
        SettingsError: It cannot be read, is not YAML, or sets something that does not exist.
    """
    sections = {name[:at] for name in fields for at, letter in enumerate(name) if letter == "."}
    given = dict(_flat(_document(path), sections))
    for name in given:
        if name not in fields:
            hint = suggestion(name, [*fields, *sorted(sections)])
            raise SettingsError(f"{path}: there is no setting {shown_name(name)}{hint}")
    return given


def read_environment(environ: Mapping[str, str], fields: Mapping[str, Field]) -> dict[str, object]:
    """Return the settings that environment variables give, those in ``…_FILE`` included.

    Raises:
        SettingsError: A variable of ours does not exist, cannot be read, or is given both ways.
    """
    by_variable = {field.variable: field for field in fields.values()}
    by_file = {f"{field.variable}_FILE": field for field in fields.values() if field.secret}
    given: dict[str, object] = {}
    for variable in sorted(name for name in environ if _is_ours(name, environ[name])):
        if variable in by_variable:
            field = by_variable[variable]
            given[field.name] = field.read(environ[variable])
        elif variable not in by_file:
            raise SettingsError(_unknown(variable, [*by_variable, *by_file]))
        elif environ[variable]:  # compose files pass what is not set as an empty text
            field = by_file[variable]
            _refuse_both(field, environ)
            given[field.name] = read_secret(environ[variable], name=variable).reveal()
    return given


def _flat(
    document: dict[Any, Any], sections: set[str], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    for inner, value in document.items():
        name = f"{prefix}{inner}"
        if name not in sections:
            yield name, value
        elif isinstance(value, dict):
            yield from _flat(value, sections, f"{name}.")
        else:
            raise SettingsError(f"{name}: expected a section (leave it out for its defaults)")


def _document(path: Path) -> dict[Any, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            document = strict_yaml.parse(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeError:
        raise SettingsError(f"{path}: is not UTF-8") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: expected settings by name")
    return document


def _is_ours(name: str, value: str) -> bool:
    if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
        return False
    if "__" in name:
        return True
    service_url = name.endswith("_PORT") and _SERVICE_URL.match(value)
    return not (service_url or _SERVICE_LINK.fullmatch(name))


def _unknown(variable: str, known: list[str]) -> str:
    inside = [name for name in known if name.startswith(f"{variable}__")]
    if inside:
        return f"{variable} is a section: set its fields one by one, such as {inside[0]}"
    # Without what all of them begin with, which would make any two look alike.
    hint = suggestion(variable.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known])
    return f"there is no setting for {variable}{hint.replace('mean ', f'mean {PREFIX}')}"


def _refuse_both(field: Field, environ: Mapping[str, str]) -> None:
    if environ.get(field.variable):
        raise SettingsError(
            f"{field.name}: {field.variable} and {field.variable}_FILE are both set; use one"
        )
