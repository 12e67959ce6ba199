from typing import Any

from structlog.testing import capture_logs

from analytics.config_fields import parse_moesif_config
from analytics.routing import ScopedConfig, Topology
from sidecar.moesif_source import MoesifSetup
from sidecar.setup_warnings import SetupWarnings


def setup(*scopes: dict[str, Any]) -> MoesifSetup:
    return MoesifSetup(
        scopes=tuple(
            ScopedConfig(parse_moesif_config({"application_id": "A"} | config), route=route)
            for route, config in zip((None, "orders", "items"), scopes, strict=False)
        ),
        credential_names=frozenset({"apikey", "x-our-key"}),
        topology=Topology(),
    )


def told(warnings: SetupWarnings, now: MoesifSetup) -> list[tuple[str, str]]:
    with capture_logs() as logs:
        warnings.tell(now)
    return [(line["plugin"], line["option"]) for line in logs]


def test_an_option_that_names_a_header_with_credentials_is_told_of() -> None:
    now = setup(
        {"user_id_header": "X_Our_Key", "company_id_header": "x-company"},
        {"user_id_header": "x-user", "company_id_header": "Authorization"},
        {"api_version_header": "apikey"},
    )
    assert told(SetupWarnings(), now) == [
        ("global", "user_id_header"),
        ("route items", "api_version_header"),
        ("route orders", "company_id_header"),
    ]


def test_what_stays_wrong_is_told_once() -> None:
    warnings, wrong = SetupWarnings(), setup({"user_id_header": "apikey"})
    assert told(warnings, wrong) == [("global", "user_id_header")]
    assert told(warnings, wrong) == []
    assert told(warnings, setup({"user_id_header": "x-user"})) == []
    assert told(warnings, wrong) == [("global", "user_id_header")]
