import base64
import json
from typing import Any

import pytest

from analytics.config_fields import parse_moesif_config
from analytics.identify import Identifier, Identity
from analytics.masking import CredentialNames
from analytics.record import Verdict
from tests.fakes.records import record, verdict


def identify(
    config: dict[str, Any] | None = None,
    *,
    request: dict[str, str] | None = None,
    response: dict[str, str] | None = None,
    said: Verdict | None = None,
    credential_names: tuple[str, ...] = (),
    **seen: Any,
) -> Identity:
    parsed = parse_moesif_config({"application_id": "app"} | (config or {}))
    identifier = Identifier(parsed, CredentialNames(credential_names))
    return identifier.identify(
        record(request_headers=request or {}, response_headers=response or {}, verdict=said, **seen)
    )


def bearer(**claims: Any) -> dict[str, str]:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return {"authorization": f"Bearer e30.{payload}.c2ln"}


# What is known, from the source that counts most to the one that counts least.
USER_SOURCES: dict[str, dict[str, Any]] = {
    "verdict": {"said": {"user_id": "verdict"}},
    "request header": {"request": {"x-user": "request header"}},
    "custom id": {"said": {"custom_id": "custom id"}},
    "username": {"said": {"username": "username"}},
    "consumer id": {"said": {"consumer_id": "consumer id"}},
    "jwt_authn": {"seen": {"jwt_payloads": {"payload": {"sub": "jwt_authn"}}}},
    "certificate": {"seen": {"peer_uris": ("certificate",)}},
    "logged custom id": {"request": {"x-consumer-custom-id": "logged custom id"}},
    "logged username": {"request": {"x-consumer-username": "logged username"}},
    "logged id": {"request": {"x-consumer-id": "logged id"}},
    "token": {"request": bearer(sub="token")},
    "token of the check": {"said": {"token_user_id": "token of the check"}},
    "response header": {"response": {"x-user": "response header"}},
}


@pytest.mark.parametrize("first", USER_SOURCES)
def test_the_first_source_of_a_user_wins(first: str) -> None:
    names = list(USER_SOURCES)
    known: dict[str, dict[str, Any]] = {"said": {}, "seen": {}, "request": {}, "response": {}}
    for name in names[names.index(first) :]:
        for part, members in USER_SOURCES[name].items():
            known[part] |= members
    identity = identify(
        {
            "user_id_header": "X-User",
            "trust_consumer_headers": True,
            "jwt_payload_in_metadata": "payload",
            "user_id_certificate_field": "uri_san",
        },
        request=known["request"],
        response=known["response"],
        said=verdict(**known["said"]),
        **known["seen"],
    )
    assert identity.user_id == first


COMPANY_SOURCES: dict[str, dict[str, Any]] = {
    "verdict": {"said": verdict(company_id="verdict")},
    "request header": {"request": {"x-company": "request header"}},
    "jwt_authn": {"jwt_payloads": {"payload": {"org": "jwt_authn"}}},
    "certificate": {"peer_subject": "CN=x,O=certificate"},
    "token": {"request": bearer(sub="u", org="token")},
    "token of the check": {"said": verdict(token_company_id="token of the check")},
    "response header": {"response": {"x-company": "response header"}},
}


@pytest.mark.parametrize("first", COMPANY_SOURCES)
def test_the_first_source_of_a_company_wins(first: str) -> None:
    names = list(COMPANY_SOURCES)
    known: dict[str, Any] = {"request": {}, "response": {}, "said": None}
    for name in reversed(names[names.index(first) :]):
        for part, value in COMPANY_SOURCES[name].items():
            known[part] = known.get(part, {}) | value if isinstance(value, dict) else value
    config = {
        "company_id_header": "X-Company",
        "authorization_company_id_field": "org",
        "jwt_payload_in_metadata": "payload",
        "company_id_certificate_field": "subject.O",
    }
    assert identify(config, **known).company_id == first


def test_user_and_company_come_from_different_sources() -> None:
    identity = identify(
        {"authorization_company_id_field": "org"},
        request=bearer(sub="someone else", org="acme"),
        said=verdict(username="alice"),
    )
    assert identity == Identity("alice", "acme")


def test_the_anonymous_consumer_is_nobody() -> None:
    guest = verdict(consumer_id="c-1", username="guest", anonymous=True)
    assert identify(said=guest) == Identity()
    assert identify(said=guest, request=bearer(sub="u")).user_id == "u"


def test_logged_consumer_headers_are_not_believed_unless_told_to() -> None:
    assert identify(request={"x-consumer-username": "mallory"}) == Identity()


def test_a_configured_header_is_found_with_hyphens_for_underscores() -> None:
    assert identify({"user_id_header": "X_User_Id"}, request={"x-user-id": "u"}).user_id == "u"
    assert identify({"user_id_header": "X_User_Id"}, request={"x_user_id": "u"}).user_id == "u"


def test_the_value_of_a_credential_header_is_never_an_id() -> None:
    config = {"user_id_header": "My_Key", "company_id_header": "X-Api-Key"}
    headers = {"my-key": "secret", "my_key": "secret", "x-api-key": "secret"}
    identity = identify(config, request=headers, response=headers, credential_names=("my-key",))
    assert identity == Identity()


def test_the_first_authorization_header_that_is_present_counts() -> None:
    config = {"authorization_header_name": "X-Token, Authorization"}
    assert identify(config, request={"x-token": ""} | bearer(sub="u")) == Identity()
    assert identify(config, request=bearer(sub="u")).user_id == "u"


def test_without_an_authorization_header_name_tokens_are_not_read() -> None:
    assert identify({"authorization_header_name": ""}, request=bearer(sub="u")) == Identity()


def test_blank_values_say_nothing() -> None:
    identity = identify(
        {"user_id_header": "x-user"},
        request={"x-user": "  "},
        response={"x-user": " fallback "},
        said=verdict(custom_id=None),
    )
    assert identity.user_id == "fallback"


JWT_PAYLOADS: dict[str, tuple[Any, str | None]] = {
    "a nested claim": ({"payload": {"user": {"id": "u"}}}, "u"),
    "a claim of this very name": ({"payload": {"user.id": "flat", "user": {"id": "u"}}}, "flat"),
    "null": ({"payload": {"user": {"id": None}}}, None),
    "a boolean": ({"payload": {"user.id": True}}, None),
    "a list": ({"payload": {"user.id": ["a"]}}, None),
    "another payload": ({"other": {"user.id": "u"}}, None),
    "no object": ({"payload": "u"}, None),
    "no token": (None, None),
}


@pytest.mark.parametrize(("payloads", "user"), JWT_PAYLOADS.values(), ids=JWT_PAYLOADS)
def test_verified_claims_are_read_like_those_of_a_token(payloads: Any, user: str | None) -> None:
    config = {
        "jwt_payload_in_metadata": "payload",
        "authorization_user_id_field": "user.id",
    }
    assert identify(config, jwt_payloads=payloads).user_id == user


def test_verified_claims_and_certificates_count_only_where_configured() -> None:
    seen = {"jwt_payloads": {"payload": {"sub": "u"}}, "peer_uris": ("spiffe://x",)}
    assert identify(**seen) == Identity()
