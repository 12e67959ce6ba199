"""Reads a ``moesif`` configuration as it stands in a file or in an Admin API request.

Problems are told in Kong's words, field by field.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from analytics import config_kinds as kinds
from analytics.application_id import ApplicationId
from analytics.config import MoesifConfig
from analytics.config_kinds import FieldKind
from analytics.errors import ConfigError
from analytics.skip_rules import SkipRule


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field, as it is shown in a schema and checked.

    Attributes:
        kind: What it may hold.
        required: It has no default, and may not be null.
        default: In JSON's terms; None if there is none.
        doc: What it is for, in a sentence.
    """

    kind: FieldKind
    required: bool
    default: object
    doc: str


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
        (name, CONFIG_FIELDS[name].kind.check(value) if name in CONFIG_FIELDS else "unknown field")
        for name, value in config.items()
        if value is not None or name not in CONFIG_FIELDS
    ]
    return missing + wrong


def _normalize(name: str, value: Any) -> Any:
    if name in _READERS:
        return _READERS[name](value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, float):
        return int(value)
    return value or None if CONFIG_FIELDS[name].kind.is_name else value


def _read_rules(value: list[Mapping[str, str]]) -> tuple[SkipRule, ...]:
    return tuple(SkipRule(**rule) for rule in value)


_READERS: Mapping[str, Callable[[Any], object]] = {
    "application_id": ApplicationId,
    "api_endpoint": lambda url: url.rstrip("/"),
    "skip": _read_rules,
}


_KEPT = "Kept for Kong's configurations, without effect: "

_MOST = 2**31 - 2  # Kong's limit for times, where nothing better is known
_MINUTE = 60_000  # milliseconds
_BODY_SIZE = kinds.whole_number(0, 10_000_000)  # bytes; the collector cuts them at 450 KB

_KINDS: dict[str, tuple[FieldKind, str]] = {
    "application_id": (
        kinds.APPLICATION_ID,
        "The application id that Moesif gave you: a credential.",
    ),
    "api_endpoint": (
        kinds.ENDPOINT,
        "The collector; /v1/events/batch is appended to its path.",
    ),
    "connect_timeout": (
        kinds.whole_number(1, _MINUTE),
        "Milliseconds in which the collector must be connected to.",
    ),
    "send_timeout": (
        kinds.whole_number(1, 10 * _MINUTE),
        "Milliseconds for a whole request, the answer included.",
    ),
    "batch_size": (
        kinds.whole_number(1, 10_000),
        "So many events make a batch that is sent at once.",
    ),
    "batch_max_wait": (
        kinds.whole_number(0, _MINUTE),
        "Milliseconds after which a batch is sent that is not full.",
    ),
    "event_queue_size": (
        kinds.whole_number(1, 100_000_000),
        "So many events of one application id may wait; then the oldest are dropped.",
    ),
    "enable_compression": (kinds.BOOLEAN, "Whether batches are sent as gzip."),
    "max_send_rate": (
        kinds.whole_number(1, 1_000_000),
        "At most so many events a second go to the collector, on average; null: no limit.",
    ),
    "api_version": (kinds.NAME, "The version of your API, in every event."),
    "api_version_header": (
        kinds.HEADER_NAME,
        "The header of requests with the version of your API, which then comes first.",
    ),
    "metadata": (
        kinds.METADATA,
        "Members of every event's metadata; where they have a name of ours, they replace it.",
    ),
    "direction": (
        kinds.choice("Incoming", "Outgoing", "Internal"),
        "Whether the calls come to your API, or are made by you.",
    ),
    "outgoing_log_names": (
        kinds.NAMES,
        "Access logs, by their log_name, whose calls are made by you: their direction is Outgoing.",
    ),
    "skip": (
        kinds.SKIP_RULES,
        "Rules of regular expressions; a request that one of them matches is no event.",
    ),
    "request_header_masks": (kinds.HEADER_NAMES, "Headers of requests that no event has."),
    "response_header_masks": (kinds.HEADER_NAMES, "Headers of responses that no event has."),
    "request_query_masks": (kinds.NAMES, "Query parameters whose values no event has."),
    "disable_credential_masking": (
        kinds.BOOLEAN,
        "Shows what goes by the usual names of credentials; keys of this gateway stay masked.",
    ),
    "trust_client_ip_headers": (
        kinds.BOOLEAN,
        "Whether x-forwarded-for and its like come before the address that Envoy saw.",
    ),
    "disable_transaction_id": (
        kinds.BOOLEAN,
        "Leaves the upstream and the client without the event's id in X-Moesif-Transaction-Id.",
    ),
    "user_id_header": (
        kinds.IDENTITY_HEADER,
        "The header, of requests or responses, with the user's id.",
    ),
    "company_id_header": (
        kinds.IDENTITY_HEADER,
        "The header, of requests or responses, with the company's id.",
    ),
    "authorization_header_name": (
        kinds.IDENTITY_HEADER_LIST,
        "The header, or several separated by commas, whose token or user identifies the caller.",
    ),
    "authorization_user_id_field": (kinds.NAME, "The token's claim with the user's id."),
    "authorization_company_id_field": (kinds.NAME, "The token's claim with the company's id."),
    "trust_consumer_headers": (
        kinds.BOOLEAN,
        "Whether x-consumer-* headers in the log identify the caller.",
    ),
    "user_id_from": (
        kinds.ID_SOURCES,
        "Where a consumer carries the user's id, before all other sources.",
    ),
    "company_id_from": (
        kinds.ID_SOURCES,
        "Where a consumer carries the company's id, before all other sources.",
    ),
    "jwt_payload_in_metadata": (
        kinds.NAME,
        "The payload_in_metadata of Envoy's jwt_authn whose claims identify the caller.",
    ),
    "user_id_certificate_field": (
        kinds.CERTIFICATE_FIELD,
        "The field of the client's certificate with the user's id.",
    ),
    "company_id_certificate_field": (
        kinds.CERTIFICATE_FIELD,
        "The field of the client's certificate with the company's id.",
    ),
    "sync_consumers": (
        kinds.BOOLEAN,
        "Whether Moesif is told of every consumer, as a user, when it is created or changed.",
    ),
    "config_refresh_interval": (
        kinds.whole_number(1000, 60 * _MINUTE),
        "Milliseconds after which the collector is asked again how to sample and which rules hold.",
    ),
    "enable_governance": (
        kinds.BOOLEAN,
        "Whether Moesif's governance rules are enforced when a request is checked.",
    ),
    "disable_capture_request_body": (kinds.BOOLEAN, "Leaves out the bodies of requests."),
    "disable_capture_response_body": (kinds.BOOLEAN, "Leaves out the bodies of responses."),
    "request_max_body_size_limit": (_BODY_SIZE, "Larger bodies of requests are left out."),
    "response_max_body_size_limit": (_BODY_SIZE, "Larger bodies of responses are left out."),
    "request_body_masks": (kinds.NAMES, "Members that no body of a request has, at any depth."),
    "response_body_masks": (kinds.NAMES, "Members that no body of a response has, at any depth."),
    "request_masks": (
        kinds.NAMES,
        "The old name of request_body_masks; counts where that is empty.",
    ),
    "response_masks": (
        kinds.NAMES,
        "The old name of response_body_masks; counts where that is empty.",
    ),
    "disable_gzip_payload_decompression": (
        kinds.BOOLEAN,
        "Shows bodies that came as gzip as they came, unless something in them has to be masked.",
    ),
    "timeout": (kinds.whole_number(0, _MOST), _KEPT + "nothing in Kong reads it either."),
    "keepalive": (kinds.whole_number(0, _MOST), _KEPT + "nothing in Kong reads it either."),
    "max_callback_time_spent": (
        kinds.whole_number(0, _MOST),
        _KEPT + "sending never takes turns with requests.",
    ),
    "debug": (kinds.BOOLEAN, _KEPT + "the log level is a setting of the process."),
}


def _tabulate() -> dict[str, ConfigField]:
    table = {}
    for field in fields(MoesifConfig):
        kind, doc = _KINDS[field.name]
        table[field.name] = ConfigField(
            kind=kind,
            required=field.default is MISSING,
            default=_in_json(field.default),
            doc=doc,
        )
    return table


def _in_json(default: object) -> object:
    if default is MISSING:
        return None
    return list(default) if isinstance(default, tuple) else default


CONFIG_FIELDS: Mapping[str, ConfigField] = _tabulate()
