"""What is leased, and what a lease says."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest

from authsvc.answer import Allowed
from authsvc.edge_cache import FIELD
from authsvc.identity_headers import IDENTITY_HEADERS
from authsvc.policy import KeyAuthConfig
from authsvc.request import Request
from authsvc.store import KnownConsumer
from tests.fakes.answers import check_now
from tests.fakes.edge_scene import Keys, an_authenticator, an_identity
from tests.fakes.entities import a_consumer, a_plugin

CACHED = KeyAuthConfig(edge_cache=5)
PLAIN = Request(method="GET", path="/?a=1", headers=(("apikey", b"K1"),), authority="a.test")


def lease(
    config: KeyAuthConfig = CACHED, request: Request = PLAIN, *, ids: bool = False, **fields: object
) -> str | None:
    """Return the lease of an answer that lets a request through."""
    keys = Keys({b"K1": replace(an_identity(1), **fields)})  # type: ignore[arg-type]  # its fields
    decided = check_now(request, an_authenticator(config, keys, ids=ids))
    assert isinstance(decided, Allowed)
    found = decided.metadata.get(FIELD)
    assert found is None or isinstance(found, str)
    return found


def read(text: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the two parts of a lease."""
    assert text is not None
    form, permission = text.split("|")
    return _fields(form), _fields(permission)


def _fields(part: str) -> dict[str, str]:
    pairs = (field.partition("=") for field in part.split("&"))
    return {name: unquote(value) for name, _, value in pairs}


def test_a_lease_says_how_to_see_that_a_request_is_alike() -> None:
    config = replace(CACHED, key_names=("x_Key", "apikey"), hide_credentials=True)
    request = replace(PLAIN, headers=(("x-key", b"K1"),))

    assert read(lease(config, request, ids=True))[0] == {
        "names": "x_key,x-key",
        "hidden": "apikey,x_Key",
        "preflight": "1",
        "ids": "1",
    }
    assert read(lease(replace(CACHED, run_on_preflight=False)))[0] == {
        "names": "apikey",
        "hidden": "",
        "preflight": "",
        "ids": "",
    }


def test_a_lease_says_all_that_the_answer_does_to_a_request() -> None:
    config = replace(CACHED, hide_credentials=True)
    owner = KnownConsumer(a_consumer(1, username="Zoë & Co. = |"), ())

    _, permission = read(lease(config, ids=True, owner=owner, expires_at=4_000_000_000))

    removed = permission.pop("remove").split(",")
    assert permission == {
        "ttl": "5",
        "until": "4000000000",
        "set.x-consumer-id": owner.consumer.id,
        "set.x-consumer-username": "Zoë & Co. = |",
        "set.x-credential-identifier": "credential-1",
    }
    assert "apikey" in removed
    assert "x_consumer_id" in removed
    named = {name.removeprefix("set.") for name in permission} | set(removed)
    assert set(IDENTITY_HEADERS) <= named


def test_a_lease_is_text_for_a_header_and_holds_no_key() -> None:
    text = lease(replace(CACHED, hide_credentials=True)) or ""

    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert "K1" not in text


NOT_LEASED: dict[str, Callable[[], str | None]] = {
    "by default": lambda: lease(KeyAuthConfig()),
    "a key in a body": lambda: lease(replace(CACHED, key_in_body=True)),
    "the anonymous consumer": lambda: lease(
        replace(CACHED, anonymous="guest"), replace(PLAIN, headers=())
    ),
    "a preflight": lambda: lease(
        replace(CACHED, run_on_preflight=False), replace(PLAIN, method="OPTIONS")
    ),
    "a key in the query": lambda: lease(request=replace(PLAIN, path="/?apikey=K1", headers=())),
    "a query that is rewritten": lambda: lease(
        replace(CACHED, hide_credentials=True), replace(PLAIN, path="/?%61pikey=x")
    ),
    "a transaction id that was brought": lambda: lease(
        request=replace(PLAIN, headers=(*PLAIN.headers, ("x-moesif-transaction-id", b"x")))
    ),
    "a header that Envoy keeps": lambda: lease(
        replace(CACHED, key_names=("apikey", "Host"), hide_credentials=True)
    ),
    "a name that no header should hold": lambda: lease(
        owner=KnownConsumer(a_consumer(1, username="a\u200bb"), ())
    ),
    "names longer than a header": lambda: lease(
        owner=KnownConsumer(a_consumer(1, username="é" * 2000, custom_id="é" * 2000), ())
    ),
}


@pytest.mark.parametrize("name", NOT_LEASED)
def test_there_is_no_lease_of(name: str) -> None:
    assert NOT_LEASED[name]() is None


def test_what_is_refused_is_never_leased() -> None:
    keys = Keys({b"K1": an_identity(1)})
    acl = a_plugin(1, config={"deny": ["group"]})
    authenticator = an_authenticator(CACHED, keys, plugins=[acl])

    for request in (PLAIN, replace(PLAIN, headers=(("apikey", b"wrong"),))):
        decided = check_now(request, authenticator)
        assert decided is not None
        assert decided.kind == "deny"
        assert FIELD not in decided.metadata


def test_where_rules_may_judge_nothing_is_leased() -> None:
    class Rules:
        def governs(self, _route: str | None, _service: str | None) -> bool:
            return True

    authenticator = an_authenticator(CACHED, Keys({b"K1": an_identity(1)}))
    authenticator.governance = Rules()  # type: ignore[assignment]  # enough of it

    decided = check_now(PLAIN, authenticator)

    assert isinstance(decided, Allowed)
    assert FIELD not in decided.metadata
