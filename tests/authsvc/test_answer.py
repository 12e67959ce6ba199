"""Claims about the whole answer to a check."""

from dataclasses import replace

import pytest

from authsvc.annotation import Annotation
from authsvc.answer import Allowed, Refused, answer
from authsvc.decision import Allow, AllowReason, Decision, Deny, DenyReason, Identity, Unavailable
from authsvc.entities import Consumer
from authsvc.governance import Ruling
from authsvc.hiding import Hiding
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.request import Request
from authsvc.store import KnownConsumer

POLICY = Policy(KeyAuthConfig())
CONSUMER = Consumer(id="c-1", created_at=0, updated_at=0, username="bob", custom_id="17")
BOB = Identity(KnownConsumer(CONSUMER, ("a",)), "k-1")
REQUEST = Request(method="GET", path="/?apikey=SECRET", route="orders", service="shop")
PLACE = {"route": "orders", "service": "shop"}
WHO = {"consumer_id": "c-1", "username": "bob", "custom_id": "17"}


def allow(
    reason: AllowReason = AllowReason.KEY,
    identity: Identity | None = BOB,
    *,
    hiding: Hiding = Hiding(),  # noqa: B008 - frozen
) -> Allow:
    return Allow(reason, POLICY, hiding, identity)


METADATA = {
    "a key": (
        allow(),
        {
            "result": "allow",
            "reason": "key",
            **PLACE,
            **WHO,
            "credential_id": "k-1",
            "anonymous": False,
        },
    ),
    "anonymous": (
        allow(AllowReason.ANONYMOUS, Identity(BOB.owner)),
        {"result": "allow", "reason": "anonymous", **PLACE, **WHO, "anonymous": True},
    ),
    "preflight": (
        allow(AllowReason.PREFLIGHT, None),
        {"result": "allow", "reason": "preflight", **PLACE, "anonymous": False},
    ),
    "refused before anybody was known": (
        Deny(DenyReason.UNKNOWN_KEY, POLICY),
        {"result": "deny", "reason": "unknown_key", **PLACE, "anonymous": False},
    ),
    "refused as somebody": (
        Deny(DenyReason.NOT_A_MEMBER, POLICY, BOB),
        {
            "result": "deny",
            "reason": "not_a_member",
            **PLACE,
            **WHO,
            "credential_id": "k-1",
            "anonymous": False,
        },
    ),
    "outage": (
        Unavailable(),
        {"result": "error", "reason": "store_unavailable", **PLACE, "anonymous": False},
    ),
}


@pytest.mark.parametrize("name", METADATA)
def test_the_metadata_says_what_was_decided_and_who_calls(name: str) -> None:
    decision, expected = METADATA[name]
    decided = answer(decision, REQUEST)
    assert decided.metadata == expected
    assert decided.kind == expected["result"]


def test_a_name_that_is_too_long_for_a_header_is_in_no_metadata() -> None:
    renamed = replace(CONSUMER, username="b" * 5000)
    decided = answer(allow(identity=Identity(KnownConsumer(renamed, ()), "k-1")), REQUEST)
    assert "username" not in decided.metadata
    assert decided.metadata["custom_id"] == "17"


def test_hidden_headers_are_removed_once_and_never_those_that_are_set() -> None:
    hiding = Hiding(("apikey", "x-consumer-username", "x-anonymous-consumer"), "/")
    decided = answer(allow(hiding=hiding), REQUEST)
    assert isinstance(decided, Allowed)
    assert decided.path == "/"
    assert "apikey" in decided.headers_to_remove
    assert "x-consumer-username" not in decided.headers_to_remove
    assert decided.headers_to_remove.count("x-anonymous-consumer") == 1
    assert decided.headers_to_set["x-consumer-username"] == "bob"


@pytest.mark.parametrize("decision", [Deny(DenyReason.BAD_REQUEST), Unavailable()])
def test_what_could_not_be_read_is_refused_too(decision: Deny | Unavailable) -> None:
    refused = answer(decision, None)
    assert isinstance(refused, Refused)
    assert set(refused.metadata) == {"result", "reason", "anonymous"}


def test_nothing_that_was_not_asked_can_be_allowed() -> None:
    with pytest.raises(TypeError):
        answer(allow(), None)


def test_no_repr_shows_a_path() -> None:
    decided = answer(allow(hiding=Hiding(path="/?token=SECRET")), REQUEST)
    assert "SECRET" not in repr(decided)
    assert "SECRET" not in repr(allow(hiding=Hiding(path="/?token=SECRET")))


def test_the_verdict_names_the_host_that_was_asked() -> None:
    asked = replace(REQUEST, authority="api.test")
    assert answer(allow(), asked).metadata["authority"] == "api.test"
    assert answer(Unavailable(), asked).metadata["authority"] == "api.test"
    assert "authority" not in answer(allow(), REQUEST).metadata


TOLD = Annotation("b8e1c1c2-1111-4a2b-9c3d-000000000001", "user-1", "acme", "u", "c")
HEADER = {"x-moesif-transaction-id": TOLD.transaction_id}


@pytest.mark.parametrize("decision", [allow(), Deny(DenyReason.UNKNOWN_KEY), Unavailable()])
def test_what_is_told_beside_the_verdict_is_in_the_metadata(decision: Decision) -> None:
    metadata = answer(decision, REQUEST, TOLD).metadata
    assert metadata == answer(decision, REQUEST).metadata | {
        "transaction_id": TOLD.transaction_id,
        "user_id": "user-1",
        "company_id": "acme",
        "token_user_id": "u",
        "token_company_id": "c",
    }


def test_the_upstream_and_the_client_hear_the_transaction_id() -> None:
    allowed = answer(allow(), REQUEST, TOLD)
    assert isinstance(allowed, Allowed)
    assert allowed.headers_to_set["x-moesif-transaction-id"] == TOLD.transaction_id
    assert allowed.response_headers == HEADER

    refused = answer(Deny(DenyReason.UNKNOWN_KEY), REQUEST, TOLD)
    assert isinstance(refused, Refused)
    assert HEADER.items() <= dict(refused.denial.headers).items()


def test_nothing_is_told_that_is_not_known() -> None:
    decided = answer(allow(), REQUEST, Annotation(company_id="x" * 5000))
    assert decided == answer(allow(), REQUEST)


RULING = Ruling((("x-warn", "soon"), ("content-type", "text/plain")), "R", 429, "no")


def test_a_rule_that_blocks_answers_for_itself() -> None:
    blocked = answer(allow(), REQUEST, Annotation("t"), RULING)
    assert isinstance(blocked, Refused)
    assert blocked.kind == "deny"
    assert (blocked.denial.status, blocked.denial.body) == (429, "no")
    assert blocked.denial.headers == (*RULING.headers, ("x-moesif-transaction-id", "t"))
    assert blocked.metadata["result"] == "deny"
    assert blocked.metadata["reason"] == "blocked_by_rule"
    assert blocked.metadata["blocked_by"] == "R"
    assert blocked.metadata["consumer_id"] == "c-1"


def test_a_rule_that_does_not_block_adds_headers_to_what_the_client_is_answered() -> None:
    allowed = answer(allow(), REQUEST, Annotation("t"), Ruling((("x-warn", "soon"),)))
    assert isinstance(allowed, Allowed)
    assert allowed.response_headers == {"x-moesif-transaction-id": "t", "x-warn": "soon"}
    assert "x-warn" not in allowed.headers_to_set
    assert "blocked_by" not in allowed.metadata


@pytest.mark.parametrize("decision", [Deny(DenyReason.UNKNOWN_KEY, POLICY), Unavailable()])
def test_no_rule_changes_a_refusal(decision: Decision) -> None:
    assert answer(decision, REQUEST, Annotation(), RULING).metadata == (
        answer(decision, REQUEST).metadata
    )
    refused = answer(decision, REQUEST, Annotation(), RULING)
    assert isinstance(refused, Refused)
    assert refused.denial.status in {401, 503}


def test_a_grpc_call_is_blocked_in_its_own_terms() -> None:
    call = replace(REQUEST, headers=(("content-type", b"application/grpc"),))
    blocked = answer(allow(), call, Annotation(), RULING)
    assert isinstance(blocked, Refused)
    assert blocked.denial.headers == (("x-warn", "soon"), ("grpc-status", "8"))
