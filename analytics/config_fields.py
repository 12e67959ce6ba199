"""Reads a ``moesif`` configuration as it stands in a file or in an Admin API request.

Problems are told in Kong's words, field by field.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal
from urllib.parse import urlsplit

from analytics.application_id import ApplicationId
from analytics.config import MoesifConfig
from analytics.errors import ConfigError

FieldType = Literal["string", "number", "boolean", "array"]
Check = Callable[[Any], object]  # returns what is wrong, or None

_MAX_NUMBER = 2**31 - 2  # Kong's limit for times
_HEADER_NAME_CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
)


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field, as it is shown in a schema and checked.

    Attributes:
        type: Kong's name of its type; the elements of an array are strings.
        required: It has no default, and may not be null.
        default: In JSON's terms; None if there is none.
    """

    type: FieldType
    required: bool
    default: object
    check: Check


def parse_moesif_config(config: Mapping[str, object]) -> MoesifConfig:
    """Validate a configuration. A field that is absent or null has its default.

    Raises:
        ConfigError: Says what is wrong with which fields.
    """
    problems = {name: why for name, why in _problems(config) if why is not None}
    if problems:
        raise ConfigError(problems)
    given = {name: value for name, value in config.items() if value is not None}
    return MoesifConfig(**{name: _normalize(name, value) for name, value in given.items()})


def complete_config(config: Mapping[str, object]) -> dict[str, object]:
    """Validate a configuration and return it with all defaults filled in, in JSON's terms.

    Raises:
        ConfigError: Says what is wrong with which fields.
    """
    parse_moesif_config(config)
    defaults = {name: field.default for name, field in CONFIG_FIELDS.items()}
    return defaults | {name: value for name, value in config.items() if value is not None}


def _problems(config: Mapping[str, object]) -> list[tuple[str, object]]:
    missing: list[tuple[str, object]] = [
        (name, "required field missing")
        for name, field in CONFIG_FIELDS.items()
        if field.required and config.get(name) is None
    ]
    wrong = [
        (name, CONFIG_FIELDS[name].check(value) if name in CONFIG_FIELDS else "unknown field")
        for name, value in config.items()
        if value is not None or name not in CONFIG_FIELDS
    ]
    return missing + wrong


def _normalize(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, float):
        return int(value)
    if name == "application_id":
        return ApplicationId(value)
    if name == "api_endpoint":
        return value.rstrip("/")
    return value or None if name in _MAY_BE_EMPTY else value


def _check_boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "expected a boolean"


def _check_string(value: object) -> str | None:
    return None if isinstance(value, str) else "expected a string"


def _check_filled_string(value: object) -> str | None:
    return _check_string(value) or (None if value else "length must be at least 1")


def _check_application_id(value: object) -> str | None:
    if not isinstance(value, str):
        return "expected a string"
    try:
        ApplicationId(value)
    except ValueError as error:
        return str(error)
    return None


def _check_endpoint(value: object) -> str | None:
    if not isinstance(value, str):
        return "expected a string"
    try:
        url = urlsplit(value)
        invalid = url.port == 0 or not value.isprintable() or " " in value
    except ValueError:
        return "invalid url"
    problems = {
        "expected an http or https url": url.scheme not in {"http", "https"},
        "missing host in url": not url.hostname,
        "invalid url": invalid,
        "expected a url without user, query and fragment": "@" in url.netloc
        or bool(url.query or url.fragment),
    }
    return next((problem for problem, found in problems.items() if found), None)


def _check_header_name(value: object) -> str | None:
    wrong = _check_filled_string(value)
    if wrong is None and not _HEADER_NAME_CHARACTERS.issuperset(str(value)):
        return f"bad header name '{value}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    return wrong


def _number(*, least: int) -> Check:
    """Return a check for whole numbers; Kong has no range here, but zero events or time is none."""

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "expected a number"
        if isinstance(value, float) and not value.is_integer():
            return "expected an integer"
        if least == 1 and value < least:
            return "value must be greater than 0"
        if not least <= value <= _MAX_NUMBER:
            return f"value should be between {least} and {_MAX_NUMBER}"
        return None

    return check


def _array(check_element: Check) -> Check:
    def check(value: object) -> object:
        if not isinstance(value, list | tuple):
            return "expected an array"
        wrong = [check_element(element) for element in value]
        return wrong if any(wrong) else None

    return check


# "" stood for "not configured" in older versions of the plugin.
_MAY_BE_EMPTY = {
    "api_version",
    "user_id_header",
    "company_id_header",
    "authorization_header_name",
    "authorization_user_id_field",
    "authorization_company_id_field",
}

_CHECKS: dict[str, tuple[FieldType, Check]] = {
    "application_id": ("string", _check_application_id),
    "api_endpoint": ("string", _check_endpoint),
    "connect_timeout": ("number", _number(least=1)),
    "send_timeout": ("number", _number(least=1)),
    "batch_size": ("number", _number(least=1)),
    "batch_max_wait": ("number", _number(least=0)),
    "event_queue_size": ("number", _number(least=1)),
    "enable_compression": ("boolean", _check_boolean),
    "request_header_masks": ("array", _array(_check_header_name)),
    "response_header_masks": ("array", _array(_check_header_name)),
    "request_query_masks": ("array", _array(_check_filled_string)),
    "trust_client_ip_headers": ("boolean", _check_boolean),
    "trust_consumer_headers": ("boolean", _check_boolean),
    "disable_capture_request_body": ("boolean", _check_boolean),
    "disable_capture_response_body": ("boolean", _check_boolean),
    "request_max_body_size_limit": ("number", _number(least=0)),
    "response_max_body_size_limit": ("number", _number(least=0)),
    "request_body_masks": ("array", _array(_check_filled_string)),
    "response_body_masks": ("array", _array(_check_filled_string)),
    "request_masks": ("array", _array(_check_filled_string)),
    "response_masks": ("array", _array(_check_filled_string)),
    "disable_gzip_payload_decompression": ("boolean", _check_boolean),
    "timeout": ("number", _number(least=0)),
    "keepalive": ("number", _number(least=0)),
    "max_callback_time_spent": ("number", _number(least=0)),
    "disable_transaction_id": ("boolean", _check_boolean),
    "debug": ("boolean", _check_boolean),
    **dict.fromkeys(_MAY_BE_EMPTY, ("string", _check_string)),
}


def _tabulate() -> dict[str, ConfigField]:
    return {
        field.name: ConfigField(
            type=_CHECKS[field.name][0],
            required=field.default is MISSING,
            default=_in_json(field.default),
            check=_CHECKS[field.name][1],
        )
        for field in fields(MoesifConfig)
    }


def _in_json(default: object) -> object:
    if default is MISSING:
        return None
    return list(default) if isinstance(default, tuple) else default


CONFIG_FIELDS: Mapping[str, ConfigField] = _tabulate()
