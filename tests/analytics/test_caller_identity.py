from typing import Any

import pytest

from analytics.caller_identity import CallerIdentity
from analytics.checked_call import CheckedCall
from analytics.config_fields import parse_moesif_config
from analytics.identify import Identifier, Identity
from analytics.masking import CredentialNames
from analytics.record import Verdict
from authsvc.governance import Caller
from authsvc.request import Request

BOB = Caller(consumer_id="c-1", username="bob", custom_id="17")
CALLERS = {
    "a consumer": BOB,
    "a consumer of a company": BOB._replace(company_id="acme"),
    "a consumer who is another user": BOB._replace(user_id="other"),
    "nobody": Caller(),
    "nobody, of a company": Caller(company_id="acme"),
}
CONFIGS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "headers": {"user_id_header": "x-user", "company_id_header": "x-company"},
    "a company in the token": {"authorization_company_id_field": "org"},
    "trusted headers": {"trust_consumer_headers": True},
}
REQUESTS = {
    "nothing": (),
    "ids": (("x-user", b"sent"), ("x-company", b"sent-company")),
    "other ids": (("x-user", b"sent too"), ("x-consumer-id", b"told")),
    "a token": (("authorization", b"Bearer x.eyJzdWIiOiJ0Iiwib3JnIjoibyJ9.x"),),
}


def identifier(config: dict[str, Any]) -> Identifier:
    parsed = parse_moesif_config({"application_id": "A"} | config)
    return Identifier(parsed, CredentialNames(["apikey"]))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_what_is_remembered_is_what_would_be_found(config: dict[str, Any]) -> None:
    plain, remembering = identifier(config), CallerIdentity(identifier(config))
    for headers in (*REQUESTS.values(), *REQUESTS.values()):
        for caller in CALLERS.values():
            call = CheckedCall(Request(method="GET", path="/", headers=headers))
            found = remembering.find(caller, call)
            call.verdict = Verdict(**caller._asdict())
            assert found == plain.identify(call)


class Counting(Identifier):
    asked = 0

    def identify(self, record: Any) -> Identity:
        self.asked += 1
        return super().identify(record)


@pytest.mark.parametrize(("config", "times"), [({}, 1), ({"company_id_header": "x"}, 4)])
def test_who_is_known_without_the_request_is_worked_out_once(
    config: dict[str, Any], times: int
) -> None:
    counting = Counting(parse_moesif_config({"application_id": "A"} | config), CredentialNames([]))
    remembering = CallerIdentity(counting)
    for _ in range(3):
        call = CheckedCall(Request(method="GET", path="/"))
        assert remembering.find(BOB, call).user_id == "17"
    assert counting.asked == times
