"""Claims about what authsvc lets rules of somebody else do."""

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from authsvc.annotation import Annotation
from authsvc.decision import Allow, AllowReason, Deny, DenyReason, Identity, Unavailable
from authsvc.entities import Consumer
from authsvc.governance import NO_RULING, Caller, Ruling, govern, is_refused
from authsvc.hiding import Hiding
from authsvc.identity_headers import IDENTITY_HEADERS
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.request import Request
from authsvc.store import KnownConsumer

CONSUMER = Consumer(id="c-1", created_at=0, updated_at=0, username="bob", custom_id="17")
POLICY = Policy(KeyAuthConfig())
REQUEST = Request(
    method="GET",
    path="/a?b",
    headers=(("x", b"y"),),
    body=b"z",
    authority="api",
    client_address="203.0.113.7",
    route="orders",
    service="shop",
)


def allow(reason: AllowReason = AllowReason.KEY) -> Allow:
    return Allow(reason, POLICY, Hiding(), Identity(KnownConsumer(CONSUMER, ()), "k-1"))


@dataclass
class Block:
    rule: str = "R"
    status: int = 403
    body: str = "{}"


@dataclass
class Rules:
    """Says the same of every request, and remembers what it was shown."""

    headers: tuple[tuple[str, str], ...] = ()
    block: Block | None = None
    shown: list[tuple[Request, Caller]] = field(default_factory=list)

    def governs(self, _route: str | None, _service: str | None) -> bool:
        return True

    def judge(self, request: Request, caller: Caller) -> "Rules":
        self.shown.append((request, caller))
        return self


class Broken(Rules):
    def judge(self, request: Request, caller: Caller) -> Rules:
        raise ValueError(request.path)


def test_rules_see_the_request_and_who_calls() -> None:
    rules = Rules()
    govern(rules, REQUEST, allow(), Annotation("t", "u", "c"))
    assert rules.shown == [(REQUEST, Caller("c-1", "bob", "17", "u", "c"))]


def test_what_they_say_is_gone_along_with() -> None:
    rules = Rules((("x-warn", "soon"),), Block("R", 429, "no"))
    assert govern(rules, REQUEST, allow(), Annotation()) == Ruling(
        (("x-warn", "soon"),), "R", 429, "no"
    )
    assert govern(Rules(), REQUEST, allow(), Annotation()) is NO_RULING


UNTOUCHED = {
    "a denial": Deny(DenyReason.UNKNOWN_KEY),
    "an outage": Unavailable(),
    "a preflight that passed unasked": allow(AllowReason.PREFLIGHT),
}


@pytest.mark.parametrize("decision", UNTOUCHED.values(), ids=UNTOUCHED.keys())
def test_only_what_is_allowed_after_being_asked_is_shown(decision: object) -> None:
    rules = Rules(block=Block())
    assert govern(rules, REQUEST, decision, Annotation()) is NO_RULING
    assert rules.shown == []


def test_whoever_calls_as_the_anonymous_consumer_is_judged_as_somebody_unknown() -> None:
    rules = Rules(block=Block())
    assert govern(rules, REQUEST, allow(AllowReason.ANONYMOUS), Annotation("t", "u")).rule == "R"
    assert [caller for _, caller in rules.shown] == [Caller(user_id="u")]


def test_a_fault_in_rules_lets_the_request_pass_without_showing_it() -> None:
    with capture_logs() as logged:
        assert govern(Broken(), REQUEST, allow(), Annotation()) is NO_RULING
    assert [(line["event"], line["error"]) for line in logged] == [
        ("rules not applied", "ValueError")
    ]
    assert "/a?b" not in str(logged)


def test_without_rules_nothing_is_said() -> None:
    assert govern(None, REQUEST, allow(), Annotation()) is NO_RULING


REFUSED = [
    *IDENTITY_HEADERS,
    "x_consumer_id",
    "connection",
    "content-length",
    "set-cookie",
    "transfer-encoding",
    ":status",
    "x-envoy-auth-headers-to-remove",
    "x-tollkeeper-path",
    "x-moesif-transaction-id",
    "blocked_by",
]


@pytest.mark.parametrize("name", REFUSED)
def test_a_header_that_is_not_a_rules_business_is_left_out(name: str) -> None:
    assert is_refused(name)
    rules = Rules(((name, "x"), ("x-warn", "soon")), Block())
    assert govern(rules, REQUEST, allow(), Annotation()).headers == (("x-warn", "soon"),)


@pytest.mark.parametrize("name", ["x-warn", "deprecation", "retry-after", "content-type"])
def test_other_headers_may_be_set(name: str) -> None:
    assert not is_refused(name)
