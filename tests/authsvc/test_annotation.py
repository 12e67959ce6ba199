from dataclasses import replace

import pytest

from authsvc.annotation import NOTHING, Annotation, Annotator, find_id
from authsvc.annotation_rules import NOTHING_WANTED, AnnotationRules, IdSource
from authsvc.decision import Decision, Deny, DenyReason, Identity, Unavailable
from authsvc.entities import Consumer
from authsvc.request import Request
from authsvc.store import KnownConsumer
from authsvc.transaction_id import TransactionIds

REQUEST = Request(method="GET", path="/")
CONSUMER = Consumer(
    id="c-1",
    created_at=0,
    updated_at=0,
    username="bob",
    custom_id="17",
    tags=("gold", "company:", "company:acme", "company:other"),
)
METADATA = {"org": "acme-org", "tenant": 12, "beta": True, "nested": {"id": "x"}, "empty": ""}
BOB = Identity(KnownConsumer(CONSUMER, ()), "k-1", metadata=METADATA)
NULLS = TransactionIds(random=bytes)

SOURCES: dict[str, tuple[IdSource, str | None]] = {
    "the first tag with something behind the prefix": (IdSource("tags", "company:"), "acme"),
    "no such tag": (IdSource("tags", "org:"), None),
    "the custom id": (IdSource("custom_id"), "17"),
    "the username": (IdSource("username"), "bob"),
    "the id": (IdSource("id"), "c-1"),
    "the key's metadata": (IdSource("metadata", "org"), "acme-org"),
    "a number": (IdSource("metadata", "tenant"), "12"),
    "no id": (IdSource("metadata", "beta"), None),
    "an object": (IdSource("metadata", "nested"), None),
    "an empty text": (IdSource("metadata", "empty"), None),
    "nothing there": (IdSource("metadata", "other"), None),
}


@pytest.mark.parametrize(("source", "expected"), SOURCES.values(), ids=SOURCES)
def test_an_id_is_read_where_the_rules_say(source: IdSource, expected: str | None) -> None:
    assert find_id([source], BOB) == expected


def test_the_first_source_that_has_an_id_counts() -> None:
    sources = [IdSource("tags", "org:"), IdSource("username"), IdSource("id")]
    assert find_id(sources, BOB) == "bob"


def test_a_consumer_without_anything_has_no_id() -> None:
    bare = Identity(KnownConsumer(replace(CONSUMER, tags=None, custom_id=None), ()))
    for field in ("tags", "custom_id", "metadata"):
        assert find_id([IdSource(field, "x")], bare) is None


RULES = AnnotationRules(True, (IdSource("custom_id"),), (IdSource("tags", "company:"),))
TOLD: dict[str, tuple[Decision, AnnotationRules, Annotation]] = {
    "somebody who is refused": (
        Deny(DenyReason.NOT_A_MEMBER, None, BOB),
        RULES,
        Annotation("00000000-0000-4000-8000-000000000000", "17", "acme"),
    ),
    "nobody": (
        Deny(DenyReason.UNKNOWN_KEY),
        RULES,
        Annotation("00000000-0000-4000-8000-000000000000"),
    ),
    "an outage": (
        Unavailable(),
        RULES,
        Annotation("00000000-0000-4000-8000-000000000000"),
    ),
    "no id wanted": (
        Deny(DenyReason.NOT_A_MEMBER, None, BOB),
        replace(RULES, transaction_ids=False),
        Annotation(None, "17", "acme"),
    ),
    "nothing wanted": (Deny(DenyReason.NOT_A_MEMBER, None, BOB), NOTHING_WANTED, NOTHING),
}


def test_the_anonymous_consumer_is_nobody() -> None:
    known = []

    def read_token(_request: Request, is_known: bool) -> tuple[None, None]:
        known.append(is_known)
        return None, None

    guest = Identity(BOB.owner)
    rules = replace(RULES, transaction_ids=False, read_token=read_token)
    assert (
        Annotator(NULLS).annotate(REQUEST, Deny(DenyReason.NOBODY, None, guest), rules) == NOTHING
    )
    assert known == [False]


def test_a_token_is_read_with_what_is_known_already() -> None:
    asked = []

    def read_token(request: Request, is_known: bool) -> tuple[str, str]:
        asked.append((request, is_known))
        return "token-user", "token-company"

    rules = AnnotationRules(read_token=read_token)
    for decision in (Deny(DenyReason.UNKNOWN_KEY), Deny(DenyReason.NOT_A_MEMBER, None, BOB)):
        annotation = Annotator(NULLS).annotate(REQUEST, decision, rules)
        assert annotation == Annotation(
            token_user_id="token-user", token_company_id="token-company"
        )
    assert asked == [(REQUEST, False), (REQUEST, True)]


@pytest.mark.parametrize(("decision", "rules", "expected"), TOLD.values(), ids=TOLD)
def test_what_is_wanted_is_told_whatever_was_decided(
    decision: Decision, rules: AnnotationRules, expected: Annotation
) -> None:
    assert Annotator(NULLS).annotate(REQUEST, decision, rules) == expected
