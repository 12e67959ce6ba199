"""Claims about the headers that tell who calls, and the spoofed ones."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.decision import Allow, AllowReason, Identity
from authsvc.entities import Consumer
from authsvc.hiding import NOTHING_HIDDEN
from authsvc.identity_headers import (
    IDENTITY_HEADERS,
    MAX_VALUE_LENGTH,
    headers_to_remove,
    headers_to_set,
)
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.store import KnownConsumer


def allowed(
    username: str | None = "bob",
    custom_id: str | None = None,
    *,
    credential_id: str | None = "k-1",
    groups: tuple[str, ...] | None = None,
    reason: AllowReason = AllowReason.KEY,
) -> Allow:
    consumer = Consumer(
        id="c-1", created_at=0, updated_at=0, username=username, custom_id=custom_id
    )
    identity = Identity(KnownConsumer(consumer, groups or ()), credential_id)
    return Allow(reason, Policy(KeyAuthConfig()), NOTHING_HIDDEN, identity, groups)


NOBODY = Allow(AllowReason.PREFLIGHT, Policy(KeyAuthConfig()), NOTHING_HIDDEN, None)

SET = {
    "by a key": (
        allowed(),
        {
            "x-consumer-id": "c-1",
            "x-consumer-username": "bob",
            "x-credential-identifier": "k-1",
        },
    ),
    "with a custom id only": (
        allowed(None, "17"),
        {
            "x-consumer-id": "c-1",
            "x-consumer-custom-id": "17",
            "x-credential-identifier": "k-1",
        },
    ),
    "anonymous": (
        allowed(credential_id=None, reason=AllowReason.ANONYMOUS),
        {
            "x-consumer-id": "c-1",
            "x-consumer-username": "bob",
            "x-anonymous-consumer": "true",
        },
    ),
    "with groups": (
        allowed(groups=("a", "b")),
        {
            "x-consumer-id": "c-1",
            "x-consumer-username": "bob",
            "x-credential-identifier": "k-1",
            "x-consumer-groups": "a, b",
        },
    ),
    "with no groups to tell": (
        allowed(groups=()),
        {
            "x-consumer-id": "c-1",
            "x-consumer-username": "bob",
            "x-credential-identifier": "k-1",
            "x-consumer-groups": "",
        },
    ),
    "nobody": (NOBODY, {}),
}


@pytest.mark.parametrize("name", SET)
def test_the_headers_that_are_set(name: str) -> None:
    decision, expected = SET[name]
    assert headers_to_set(decision) == expected


UNFIT = {
    "line feed": "bob\nx-admin: yes",
    "nul": "bob\x00",
    "delete": "bob\x7f",
    "tab": "bob\t",
    "too long": "b" * (MAX_VALUE_LENGTH + 1),
    "too long as bytes": "é" * (MAX_VALUE_LENGTH // 2 + 1),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_value_that_does_not_fit_in_a_header_is_removed_instead(name: str) -> None:
    headers = headers_to_set(allowed(UNFIT[name]))
    assert "x-consumer-username" not in headers
    assert "x-consumer-username" in headers_to_remove(headers)


def test_names_that_are_no_ascii_fit() -> None:
    name = "é" * (MAX_VALUE_LENGTH // 2)
    assert headers_to_set(allowed(name))["x-consumer-username"] == name


every_spelling = sorted(
    {
        "".join(letters)
        for name in IDENTITY_HEADERS
        for letters in product(*[("-", "_") if letter == "-" else (letter,) for letter in name])
    }
)
decisions = st.builds(
    allowed,
    st.sampled_from([None, "bob", "b\nb"]),
    st.sampled_from([None, "17"]),
    credential_id=st.sampled_from([None, "k-1"]),
    groups=st.sampled_from([None, (), ("a",)]),
    reason=st.sampled_from([AllowReason.KEY, AllowReason.ANONYMOUS]),
) | st.just(NOBODY)


@given(decisions, st.lists(st.sampled_from([*every_spelling, "x-request-id", "a_b"])))
def test_what_reads_as_an_identity_header_is_ours_or_gone(decision: Allow, sent: list[str]) -> None:
    ours = headers_to_set(decision)
    removed = headers_to_remove(ours)
    upstream = {name: "evil" for name in sent if name not in removed} | ours
    assert set(removed).isdisjoint(ours)
    assert {"x-request-id", "a_b"}.isdisjoint(removed)
    for name, value in upstream.items():
        if name.replace("_", "-") in IDENTITY_HEADERS:
            assert ours[name] == value


def test_every_spelling_is_removed_though_envoy_may_not_show_it() -> None:
    removed = headers_to_remove({})
    assert sorted(removed) == every_spelling
