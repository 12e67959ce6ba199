"""No key in an error, a header or a log, whatever goes wrong."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.clients.raw_http import Response, exchange
from tests.fakes.admin_api import serving

KEY = "canary-4f9a"
OTHER = "another-key"
NOBODY = "11111111-1111-4111-8111-111111111111"
LIST = "/consumers/bob/key-auth-enc"

Failure = Callable[[AdminClient], Awaitable[Response]]

FAILURES: dict[str, tuple[int, Failure]] = {
    "taken": (409, lambda c: c.post(LIST, {"key": KEY})),
    "taken, by form": (409, lambda c: c.send("POST", LIST, form={"key": KEY})),
    "taken, by another": (409, lambda c: c.post("/consumers/eve/key-auth-enc", {"key": KEY})),
    "taken, at the top": (
        409,
        lambda c: c.post("/key-auths-enc", {"key": KEY, "consumer": {"username": "bob"}}),
    ),
    "taken, on a put": (409, lambda c: c.put(f"{LIST}/{NOBODY}", {"key": KEY})),
    "taken, on a patch": (409, lambda c: c.patch(f"{LIST}/{OTHER}", {"key": KEY})),
    "missing, to read": (404, lambda c: c.get(f"/key-auths-enc/{KEY}-x")),
    "missing, to change": (404, lambda c: c.patch(f"/key-auths-enc/{KEY}-x", {"tags": []})),
    "missing, below its owner": (404, lambda c: c.delete(f"{LIST}/{KEY}-x")),
    "somebody else's": (404, lambda c: c.put(f"/consumers/eve/key-auth-enc/{KEY}", {})),
    "no consumer": (400, lambda c: c.put(f"/key-auths-enc/{KEY}-x", {})),
    "unknown consumer": (
        400,
        lambda c: c.post("/key-auths-enc", {"key": KEY + "x", "consumer": {"id": NOBODY}}),
    ),
    "unresolved consumer": (
        400,
        lambda c: c.post("/key-auths-enc", {"key": KEY, "consumer": {"username": "no"}}),
    ),
    "two keys": (
        400,
        lambda c: c.send("POST", LIST, raw=f"key={KEY}&key={KEY}x", headers=_FORM),
    ),
    "key in an object": (400, lambda c: c.post(LIST, {"key": {KEY: KEY}})),
    "key that is too long": (400, lambda c: c.post(LIST, {"key": KEY * 500})),
    "bad tag beside": (400, lambda c: c.post(LIST, {"key": KEY, "tags": [""]})),
    "bad ttl beside": (400, lambda c: c.post(LIST, {"key": KEY, "ttl": KEY})),
    "half of a body": (400, lambda c: c.send("POST", LIST, raw=f'{{"key": "{KEY}', headers=_JSON)),
    "no utf-8": (400, lambda c: c.send("POST", LIST, raw=f"key={KEY}%FF", headers=_FORM)),
    "no utf-8 in the path": (400, lambda c: c.get(f"/key-auths-enc/{KEY}%FF")),
    "parts without an end": (
        400,
        lambda c: c.send("POST", LIST, raw=f"--X\r\n\r\n{KEY}", headers=_PARTS),
    ),
    "unknown type": (415, lambda c: c.send("POST", LIST, raw=KEY, headers={"Content-Type": KEY})),
    "wrong method": (405, lambda c: c.post(f"/key-auths-enc/{KEY}", {})),
    "malformed line": (400, lambda c: exchange(c.port, f"GET /{KEY}\0 HTTP/1.1\r\n\r\n".encode())),
    "malformed header": (
        400,
        lambda c: exchange(c.port, f"GET / HTTP/1.1\r\na b: {KEY}\r\n\r\n".encode()),
    ),
    "endless line": (
        400,
        lambda c: exchange(c.port, f"GET /{KEY * 9999} HTTP/1.1\r\n\r\n".encode()),
    ),
    "malformed chunk": (
        400,
        lambda c: exchange(
            c.port,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + KEY.encode() + b"\r\n",
        ),
    ),
    "unknown verb": (405, lambda c: exchange(c.port, f"{KEY.upper()} / HTTP/1.1\r\n\r\n".encode())),
}
_FORM: dict[str, str | None] = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON: dict[str, str | None] = {"Content-Type": "application/json"}
_PARTS: dict[str, str | None] = {"Content-Type": "multipart/form-data; boundary=X"}


async def prepare(client: AdminClient) -> None:
    for name in ("bob", "eve"):
        await client.post("/consumers", {"username": name})
    for key in (KEY, OTHER):
        await client.post(LIST, {"key": key})


def said(response: Response, logs: list[Any], caplog: pytest.LogCaptureFixture) -> str:
    """Return everything that came of a request, in lower case."""
    return f"{response.headers}{response.body!r}{logs}{caplog.text}".lower()


@pytest.mark.parametrize(("status", "failure"), FAILURES.values(), ids=FAILURES)
async def test_no_failure_tells_the_key(
    status: int,
    failure: Failure,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with serving(MemoryDatabase()) as client:
        await prepare(client)
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            response = await failure(client)
    assert response.status == status
    assert KEY not in said(response, logs, caplog)
    assert KEY not in "".join(capfd.readouterr())


async def test_a_conflict_names_the_field_and_not_the_key() -> None:
    async with serving(MemoryDatabase()) as client:
        await prepare(client)
        answer = (await client.post(LIST, {"key": KEY})).json()
    assert answer == {
        "code": 5,
        "name": "unique constraint violation",
        "message": "UNIQUE violation detected on '{key=\"***\"}'",
        "fields": {"key": "***"},
    }


ERRORS = {
    "outage": (StoreUnavailableError(KEY), 503),
    "bug": (RuntimeError(KEY), 500),
}


@pytest.mark.parametrize(("error", "status"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("method", ["insert", "find", "replace"])
async def test_no_failure_of_the_store_tells_the_key(
    method: str, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    stores = MemoryDatabase()

    async def fail(*_args: object, **_fields: object) -> None:
        raise error

    async with serving(stores) as client:
        await prepare(client)
        setattr(stores.credentials, method, fail)
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            first = await client.put(f"{LIST}/{KEY}", {"key": KEY})
            second = await client.post(LIST, {"key": KEY + "x"})
            third = await client.patch(f"/key-auths-enc/{KEY}", {"key": KEY})
    answers = [first, second, third]
    assert status in {answer.status for answer in answers}
    assert {answer.status for answer in answers} <= {status, 200, 201}
    failed = next(answer for answer in answers if answer.status == status)
    assert KEY not in said(failed, logs, caplog)


async def test_a_row_that_does_not_open_is_told_by_its_id_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await prepare(client)
        victim = await stores.credentials.page(size=2)
        swapped = replace(victim[0], sealed_key=victim[1].sealed_key)
        await stores.credentials.replace(swapped)
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            one = await client.get(f"/key-auths-enc/{swapped.id}")
            listed = (await client.get("/key-auths-enc")).json()["data"]
            removed = await client.delete(f"/key-auths-enc/{swapped.id}")
    assert one.status == 500
    assert one.json() == {"message": "A stored value does not open"}
    assert [row["key"] for row in listed if row["id"] == swapped.id] == [None]
    assert all(row["key"] for row in listed if row["id"] != swapped.id)
    assert removed.status == 204
    event = {"entity": "keyauth_enc_credentials", "entity_id": swapped.id}
    assert event.items() <= logs[0].items()
    assert KEY not in said(one, logs, caplog)
    assert OTHER not in said(one, logs, caplog)
