"""Reads a ``moesif`` configuration as it stands in a file or in an Admin API request.

Problems are told in Kong's words, field by field.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal

from analytics import config_checks as checks
from analytics.application_id import ApplicationId
from analytics.config import MoesifConfig
from analytics.config_checks import Check
from analytics.errors import ConfigError

FieldType = Literal["string", "number", "boolean", "array"]


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field, as it is shown in a schema and checked.

    Attributes:
        type: Kong's name of its type; the elements of an array are strings.
        required: It has no default, and may not be null.
        default: In JSON's terms; None if there is none.
        doc: What it is for, in a sentence.
        check: Returns what is wrong with a value that is not null, or None.
    """

    type: FieldType
    required: bool
    default: object
    doc: str
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


_BOOLEAN: tuple[FieldType, Check] = ("boolean", checks.boolean)
_NAME: tuple[FieldType, Check] = ("string", checks.text)
_POSITIVE: tuple[FieldType, Check] = ("number", checks.whole_number(least=1))
_COUNT: tuple[FieldType, Check] = ("number", checks.whole_number(least=0))
_HEADER_NAMES: tuple[FieldType, Check] = ("array", checks.array_of(checks.header_name))
_NAMES: tuple[FieldType, Check] = ("array", checks.array_of(checks.filled_text))

_BODIES = "Takes effect once bodies are captured: "
_KEPT = "Kept for Kong's configurations, without effect: "

_KINDS: dict[str, tuple[tuple[FieldType, Check], str]] = {
    "application_id": (
        ("string", checks.application_id),
        "The application id that Moesif gave you: a credential.",
    ),
    "api_endpoint": (
        ("string", checks.endpoint),
        "The collector; /v1/events/batch is appended to its path.",
    ),
    "connect_timeout": (_POSITIVE, "Milliseconds in which the collector must be connected to."),
    "send_timeout": (_POSITIVE, "Milliseconds for a whole request, the answer included."),
    "batch_size": (_POSITIVE, "So many events make a batch that is sent at once."),
    "batch_max_wait": (_COUNT, "Milliseconds after which a batch is sent that is not full."),
    "event_queue_size": (
        _POSITIVE,
        "So many events of one application id may wait; then the oldest are dropped.",
    ),
    "enable_compression": (_BOOLEAN, "Whether batches are sent as gzip."),
    "api_version": (_NAME, "The version of your API, in every event."),
    "request_header_masks": (_HEADER_NAMES, "Headers of requests that no event has."),
    "response_header_masks": (_HEADER_NAMES, "Headers of responses that no event has."),
    "request_query_masks": (_NAMES, "Query parameters whose values no event has."),
    "trust_client_ip_headers": (
        _BOOLEAN,
        "Whether x-forwarded-for and its like come before the address that Envoy saw.",
    ),
    "user_id_header": (_NAME, "The header, of requests or responses, with the user's id."),
    "company_id_header": (_NAME, "The header, of requests or responses, with the company's id."),
    "authorization_header_name": (
        _NAME,
        "The header, or several separated by commas, whose token or user identifies the caller.",
    ),
    "authorization_user_id_field": (_NAME, "The token's claim with the user's id."),
    "authorization_company_id_field": (_NAME, "The token's claim with the company's id."),
    "trust_consumer_headers": (
        _BOOLEAN,
        "Whether x-consumer-* headers in the log identify the caller.",
    ),
    "disable_capture_request_body": (_BOOLEAN, _BODIES + "leaves out those of requests."),
    "disable_capture_response_body": (_BOOLEAN, _BODIES + "leaves out those of responses."),
    "request_max_body_size_limit": (_COUNT, _BODIES + "larger ones of requests are left out."),
    "response_max_body_size_limit": (_COUNT, _BODIES + "larger ones of responses are left out."),
    "request_body_masks": (_NAMES, _BODIES + "members removed from those of requests."),
    "response_body_masks": (_NAMES, _BODIES + "members removed from those of responses."),
    "request_masks": (_NAMES, _BODIES + "the old name of request_body_masks."),
    "response_masks": (_NAMES, _BODIES + "the old name of response_body_masks."),
    "disable_gzip_payload_decompression": (_BOOLEAN, _BODIES + "leaves gzip closed."),
    "timeout": (_COUNT, _KEPT + "nothing in Kong reads it either."),
    "keepalive": (_COUNT, _KEPT + "nothing in Kong reads it either."),
    "max_callback_time_spent": (_COUNT, _KEPT + "sending never takes turns with requests."),
    "disable_transaction_id": (_BOOLEAN, _KEPT + "no header is added to a request that is over."),
    "debug": (_BOOLEAN, _KEPT + "the log level is a setting of the process."),
}


# "" stood for "not configured" in older versions of the plugin.
_MAY_BE_EMPTY = {name for name, (kind, _) in _KINDS.items() if kind is _NAME}


def _tabulate() -> dict[str, ConfigField]:
    table = {}
    for field in fields(MoesifConfig):
        (type_, check), doc = _KINDS[field.name]
        table[field.name] = ConfigField(
            type=type_,
            required=field.default is MISSING,
            default=_in_json(field.default),
            doc=doc,
            check=check,
        )
    return table


def _in_json(default: object) -> object:
    if default is MISSING:
        return None
    return list(default) if isinstance(default, tuple) else default


CONFIG_FIELDS: Mapping[str, ConfigField] = _tabulate()
