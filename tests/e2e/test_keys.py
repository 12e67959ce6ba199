"""Keys, as clients send them through the real Envoy."""

import secrets

import pytest

from tests.deadline import eventually
from tests.fakes.stack import Stack

IDENTITY = ("x-consumer-id", "x-consumer-username", "x-consumer-custom-id")


async def test_a_key_in_a_header_is_let_through_with_its_consumers_identity(stack: Stack) -> None:
    key = await stack.new_key()

    answer = await stack.get("/orders?a=1", key.header)

    headers = answer.json()["headers"]
    assert answer.status == 200
    assert headers["x-consumer-id"] == key.consumer_id
    assert headers["x-consumer-username"] == key.username
    assert headers["x-credential-identifier"] == key.id
    assert "x-consumer-custom-id" not in headers
    assert "x-anonymous-consumer" not in headers


async def test_a_key_in_the_query_is_let_through(stack: Stack) -> None:
    key = await stack.new_key()

    assert (await stack.get(f"/?apikey={key.text}")).status == 200


async def test_a_custom_id_reaches_the_upstream(stack: Stack) -> None:
    key = await stack.new_key()
    await stack.admin.send(
        "PATCH", f"/consumers/{key.consumer_id}?wait=applied", {"custom_id": key.id}
    )

    headers = (await stack.get("/", key.header)).json()["headers"]

    assert headers["x-consumer-custom-id"] == key.id


DENIED = {
    "no key": ("/", (), "No API key found in request"),
    "an empty key": ("/", ("apikey:",), "No API key found in request"),
    "a wrong key": ("/", ("apikey: {wrong}",), "Unauthorized"),
    "a wrong key in the query": ("/?apikey={wrong}", (), "Unauthorized"),
    "nearly the key": ("/", ("apikey: {key}x",), "Unauthorized"),
    "two keys": ("/", ("apikey: {key}", "APIKEY: {key}"), "Duplicate API key found"),
    "two keys in the query": ("/?apikey={key}&apikey={key}", (), "Duplicate API key found"),
    "where it is not looked for": ("/", ("cookie: apikey={key}",), "No API key found in request"),
    "a location that is off": ("/header-only?apikey={key}", (), "No API key found in request"),
}


@pytest.mark.parametrize("name", DENIED)
async def test_without_a_valid_key_the_answer_is_kongs_401(stack: Stack, name: str) -> None:
    key = await stack.new_key()
    target, headers, message = DENIED[name]
    texts = {"key": key.text, "wrong": secrets.token_hex(16)}

    answer = await stack.get(target.format(**texts), *(line.format(**texts) for line in headers))

    assert answer.status == 401
    assert answer.json()["message"] == message
    assert answer.headers["www-authenticate"] == "Key"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_an_expired_key_is_unknown(stack: Stack) -> None:
    key = await stack.new_key(ttl=1)

    async def is_denied() -> bool:
        return (await stack.get("/", key.header)).status == 401

    await eventually(is_denied, "the key to expire", within=5)
    assert (await stack.get("/", key.header)).json()["message"] == "Unauthorized"


SPOOFED = [
    "X-Consumer-ID",
    "x-consumer-username",
    "X-CONSUMER-CUSTOM-ID",
    "X_Consumer_Username",
    "X-Consumer_ID",
    "X.Consumer.ID",
    "X-Credential-Identifier",
    "X-Anonymous-Consumer",
    "X-Consumer-Groups",
    "X-Authenticated-Groups",
]


async def test_no_spoofed_identity_reaches_the_upstream_in_any_spelling(stack: Stack) -> None:
    key = await stack.new_key()
    lines = [f"{name}: evil" for name in SPOOFED for _ in range(2)]

    headers = (await stack.get("/", key.header, *lines)).json()["headers"]

    assert "evil" not in str(headers)
    assert headers["x-consumer-username"] == key.username


HIDDEN = {
    "in the middle": ("/hiding?b=2&{name}={key}&a=1", "/hiding?b=2&a=1"),
    "name in another spelling": ("/hiding?%61pikey={key}", "/hiding"),
    "alone": ("/hiding?apikey={key}", "/hiding"),
    "all else byte for byte": (
        "/hiding?&&z=%20+%2B&apikey={key}&flag&e=",
        "/hiding?&&z=%20+%2B&flag&e=",
    ),
    "header, and a copy in the query": ("/hiding?a=1", "/hiding?a=1"),
}


@pytest.mark.parametrize("name", HIDDEN)
async def test_a_hidden_key_goes_no_further(stack: Stack, name: str) -> None:
    key = await stack.new_key()
    target, expected = HIDDEN[name]
    headers = (key.header,) if "header" in name else ()

    answer = await stack.get(target.format(key=key.text, name="apikey"), *headers)

    assert answer.status == 200
    assert answer.json()["path"] == expected
    assert key.text not in str(answer.json())


async def test_a_key_that_is_not_hidden_goes_further_unchanged(stack: Stack) -> None:
    key = await stack.new_key()

    seen = (await stack.get(f"/x?b=2&apikey={key.text}&a=1", "x-other: 1")).json()

    assert seen["path"] == f"/x?b=2&apikey={key.text}&a=1"


async def test_a_deleted_key_is_denied_at_once_when_that_was_asked_for(stack: Stack) -> None:
    key = await stack.new_key()
    assert [(await stack.get("/", key.header)).status for _ in range(8)] == [200] * 8

    await stack.delete(key)

    assert [(await stack.get("/", key.header)).status for _ in range(8)] == [401] * 8


async def test_a_deleted_key_is_denied_soon(stack: Stack) -> None:
    key = await stack.new_key()
    await stack.get("/", key.header)

    await stack.delete(key, wait=False)

    async def is_denied() -> bool:
        return {(await stack.get("/", key.header)).status for _ in range(8)} == {401}

    await eventually(is_denied, "every worker to know of the deletion", within=stack.live_within)


async def test_a_created_key_is_let_through_soon_though_it_was_refused_before(stack: Stack) -> None:
    text = secrets.token_hex(16)
    consumer = await stack.new_key()
    header = f"apikey: {text}"
    assert {(await stack.get("/", header)).status for _ in range(8)} == {401}

    await stack.admin.send("POST", f"/consumers/{consumer.consumer_id}/key-auth-enc", {"key": text})

    async def is_let_through() -> bool:
        return {(await stack.get("/", header)).status for _ in range(8)} == {200}

    await eventually(is_let_through, "every worker to know the key", within=2)


async def test_a_deleted_consumers_key_is_denied(stack: Stack) -> None:
    key = await stack.new_key()
    assert (await stack.get("/", key.header)).status == 200

    await stack.admin.send("DELETE", f"/consumers/{key.consumer_id}?wait=applied")
    await stack.forgotten()

    assert {(await stack.get("/", key.header)).status for _ in range(8)} == {401}


async def test_each_call_becomes_an_event(stack: Stack) -> None:
    key = await stack.new_key()
    mark = secrets.token_hex(8)

    await stack.get(f"/{mark}?apikey={key.text}", method="PATCH", times=1)
    await stack.get(f"/{mark}", times=1)

    await eventually(lambda: sum(mark in path for path in stack.paths()) == 2, "both events")
    events = {e["response"]["status"]: e for e in stack.collector.events if mark in str(e)}
    allowed, denied = events[200], events[401]
    assert allowed["request"]["verb"] == "PATCH"
    assert allowed["metadata"]["consumer"]["username"] == key.username
    assert (allowed["metadata"]["route"], allowed["metadata"]["service"]) == ("open", "web")
    assert key.text not in allowed["request"]["uri"]
    assert denied.get("user_id") is None
