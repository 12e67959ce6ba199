import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from analytics.application_id import ApplicationId
from analytics.config import MoesifConfig
from analytics.config_fields import CONFIG_FIELDS, parse_moesif_config
from analytics.config_kinds import FieldKind
from analytics.errors import ConfigError
from analytics.skip_rules import SkipRule

# Every field of Kong's schema with its default there.
KONG_DEFAULTS = {
    "api_endpoint": "https://api.moesif.net",
    "timeout": 1000,
    "connect_timeout": 1000,
    "send_timeout": 5000,
    "keepalive": 5000,
    "event_queue_size": 1000000,
    "batch_size": 50,
    "max_callback_time_spent": 750,
    "api_version": "1.0",
    "disable_capture_request_body": False,
    "disable_capture_response_body": False,
    "request_max_body_size_limit": 100000,
    "response_max_body_size_limit": 100000,
    "request_header_masks": [],
    "response_header_masks": [],
    "request_body_masks": [],
    "response_body_masks": [],
    "request_masks": [],
    "response_masks": [],
    "request_query_masks": [],
    "disable_gzip_payload_decompression": False,
    "disable_transaction_id": False,
    "user_id_header": None,
    "company_id_header": None,
    "authorization_header_name": "authorization",
    "authorization_user_id_field": "sub",
    "authorization_company_id_field": None,
    "enable_compression": False,
    "debug": False,
}
OURS = {
    "batch_max_wait": 2000,
    "max_send_rate": None,
    "api_version_header": None,
    "metadata": None,
    "direction": "Incoming",
    "outgoing_log_names": [],
    "skip": [],
    "disable_credential_masking": False,
    "trust_client_ip_headers": False,
    "trust_consumer_headers": False,
    "user_id_from": None,
    "company_id_from": None,
    "jwt_payload_in_metadata": None,
    "user_id_certificate_field": None,
    "company_id_certificate_field": None,
    "sync_consumers": False,
    "config_refresh_interval": 30000,
    "enable_governance": True,
}
_SOURCES = (
    "expected custom_id, username, id, tags:<prefix> or metadata:<member>, "
    "or several separated by commas"
)
_NOT_RE2 = "not a regular expression that RE2 can search for"


def problems_of(**config: object) -> dict[str, object]:
    with pytest.raises(ConfigError) as caught:
        parse_moesif_config({"application_id": "app"} | config)
    return caught.value.fields


def test_the_defaults_are_kongs() -> None:
    expected = KONG_DEFAULTS | OURS | {"application_id": None}
    assert {name: field.default for name, field in CONFIG_FIELDS.items()} == expected


def test_every_field_of_the_configuration_is_checked() -> None:
    assert [field.name for field in fields(MoesifConfig)] == list(CONFIG_FIELDS)
    assert [name for name, field in CONFIG_FIELDS.items() if field.required] == ["application_id"]
    assert all(field.doc.endswith(".") for field in CONFIG_FIELDS.values())


def test_every_field_of_kongs_is_kept() -> None:
    given = {
        "application_id": "app",
        "api_endpoint": "http://localhost:9500/collector/",
        "request_body_masks": ["password"],
        "batch_size": 20.0,
        "user_id_header": "X-User-Id",
        "debug": True,
    }
    config = parse_moesif_config(given)
    assert config.application_id == ApplicationId("app")
    assert config.api_endpoint == "http://localhost:9500/collector"
    assert config.request_body_masks == ("password",)
    assert config.batch_size == 20
    assert isinstance(config.batch_size, int)


def test_names_of_headers_are_those_that_http_has() -> None:
    names = {
        "user_id_header": "X-User.Id",
        "company_id_header": "x_org~1",
        "authorization_header_name": "authorization, X-Token",
    }
    config = parse_moesif_config({"application_id": "app"} | names)
    assert {name: getattr(config, name) for name in names} == names


def test_null_and_empty_names_mean_not_configured() -> None:
    config = parse_moesif_config(
        {
            "application_id": "app",
            "user_id_header": "",
            "company_id_header": None,
            "batch_size": None,
        }
    )
    assert config.user_id_header is None
    assert config.company_id_header is None
    assert config.batch_size == 50


WRONG: dict[str, tuple[str, object, object]] = {
    "text for a number": ("batch_size", "50", "expected a number"),
    "boolean for a number": ("batch_size", True, "expected a number"),
    "part of an event": ("batch_size", 1.5, "expected an integer"),
    "no events": ("batch_size", 0, "value must be greater than 0"),
    "no queue": ("event_queue_size", 0, "value must be greater than 0"),
    "no time": ("send_timeout", -1, "value must be greater than 0"),
    "not a number": ("send_timeout", float("nan"), "expected an integer"),
    "for ever": ("send_timeout", 2**40, "value should be between 1 and 600000"),
    "no rate": ("max_send_rate", 0, "value must be greater than 0"),
    "no source": ("company_id_from", "team", _SOURCES),
    "a source without its prefix": ("company_id_from", "tags:", _SOURCES),
    "a source with too much": ("user_id_from", "custom_id:x", _SOURCES),
    "an empty source": ("user_id_from", "custom_id,", _SOURCES),
    "no field of a certificate": (
        "user_id_certificate_field",
        "serial",
        "expected uri_san, subject or subject.<attribute>",
    ),
    "no direction": (
        "direction",
        "incoming",
        "expected one of: Incoming, Outgoing, Internal",
    ),
    "text for metadata": ("metadata", "team", "expected a map"),
    "metadata that are no JSON": ("metadata", {"team": object()}, "expected a map"),
    "metadata that are not finite": (
        "metadata",
        {"a": [{"b": float("inf")}]},
        "expected finite numbers",
    ),
    "metadata that are no number": ("metadata", {"a": float("nan")}, "expected finite numbers"),
    "a header with a space": ("user_id_header", "x user", "bad header name 'x user'"),
    "a header between spaces": ("company_id_header", " x-org ", "bad header name ' x-org '"),
    "a pseudo header": ("user_id_header", ":path", "bad header name ':path'"),
    "a header of nothing but a space": ("user_id_header", " ", "bad header name ' '"),
    "a header with a line end": ("user_id_header", "x\n", "bad header name 'x\n'"),
    "one of several is none": (
        "authorization_header_name",
        "authorization, x token",
        "bad header name 'x token'",
    ),
    "one of several is empty": (
        "authorization_header_name",
        "authorization,",
        "length must be at least 1",
    ),
    "a pseudo header with a version": (
        "api_version_header",
        ":path",
        "bad header name ':path', allowed characters are A-Z, a-z, 0-9, '_', and '-'",
    ),
    "long metadata": ("metadata", {"x": "y" * 9000}, "length must be at most 8192"),
    "a rule that is none": ("skip", ["/healthz"], ["expected a record"]),
    "a rule that says nothing": (
        "skip",
        [{"path": None}],
        ["at least one of these fields must be non-empty: method, path, status, user_agent"],
    ),
    "an unknown condition": (
        "skip",
        [{"path": "/"}, {"host": "x"}],
        [None, {"host": "unknown field"}],
    ),
    "no expression": ("skip", [{"path": "("}], [{"path": _NOT_RE2}]),
    "an expression that cannot be fast": ("skip", [{"path": "(?=x)"}], [{"path": _NOT_RE2}]),
    "a number for an expression": ("skip", [{"status": 404}], [{"status": "expected a string"}]),
    "too many rules": ("skip", [{"path": "/"}] * 101, "length must be at most 100"),
    "number for text": ("user_id_header", 1, "expected a string"),
    "text for a boolean": ("debug", "true", "expected a boolean"),
    "text for an array": ("request_query_masks", "token", "expected an array"),
    "a wrong element": ("request_query_masks", ["a", 1], [None, "expected a string"]),
    "an empty element": ("response_body_masks", [""], ["length must be at least 1"]),
    "no header name": (
        "request_header_masks",
        ["x y"],
        ["bad header name 'x y', allowed characters are A-Z, a-z, 0-9, '_', and '-'"],
    ),
    "another scheme": ("api_endpoint", "file:///etc/passwd", "expected an http or https url"),
    "no host": ("api_endpoint", "https:///v1", "missing host in url"),
    "a wrong port": ("api_endpoint", "https://h:99999", "invalid url"),
    "a line break": ("api_endpoint", "https://h/\r\nx", "invalid url"),
    "a password": (
        "api_endpoint",
        "https://user:pw@h",
        "expected a url without user, query and fragment",
    ),
    "unknown": ("batchsize", 1, "unknown field"),
    "null and unknown": ("batchsize", None, "unknown field"),
}


@pytest.mark.parametrize(("name", "value", "why"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_kongs_words(name: str, value: object, why: object) -> None:
    assert problems_of(**{name: value}) == {name: why}


@pytest.mark.parametrize("config", [{}, {"application_id": None}])
def test_the_application_id_is_required(config: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_moesif_config(config)
    assert caught.value.fields == {"application_id": "required field missing"}


def test_all_problems_are_told_at_once() -> None:
    assert set(problems_of(application_id="", batch_size=0, foo=1)) == {
        "application_id",
        "batch_size",
        "foo",
    }


def test_a_configuration_does_not_show_the_application_id() -> None:
    assert "s3cret" not in repr(parse_moesif_config({"application_id": "s3cret"}))


def test_rules_and_names_of_ours_are_read() -> None:
    config = parse_moesif_config(
        {
            "application_id": "app",
            "skip": [{"path": "^/healthz$", "status": None}, {"user_agent": "kube-probe"}],
            "company_id_from": "tags:company:, custom_id",
            "user_id_certificate_field": "subject.CN",
            "metadata": {"region": "eu", "tier": 1},
            "jwt_payload_in_metadata": "",
            "max_send_rate": 20.0,
        }
    )
    assert config.skip == (SkipRule(path="^/healthz$"), SkipRule(user_agent="kube-probe"))
    assert config.company_id_from == "tags:company:, custom_id"
    assert config.metadata == {"region": "eu", "tier": 1}
    assert config.jwt_payload_in_metadata is None
    assert config.max_send_rate == 20


ROW = re.compile(
    r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) ?\| (Kong|ours) \| (.*) \|$", re.MULTILINE
)


def values_of(kind: FieldKind) -> str:
    """Return how the documentation names the values that a field may have."""
    if kind.between:
        return "{} to {}".format(*kind.between)
    values = ", ".join(f"`{value}`" for value in kind.one_of or kind.members)
    return f"records of {values}" if kind.members else values


def test_the_documentation_has_a_row_for_every_field() -> None:
    documented = ROW.findall((Path(__file__).parents[2] / "docs/moesif.md").read_text())
    kong = KONG_DEFAULTS.keys() | {"application_id"}
    expected = [
        (
            name,
            field.kind.type,
            "required" if field.required else f"`{json.dumps(field.default)}`",
            values_of(field.kind),
            "Kong" if name in kong else "ours",
            field.doc,
        )
        for name, field in CONFIG_FIELDS.items()
    ]
    assert documented == expected
