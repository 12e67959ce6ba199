"""The Admin API over HTTP: what belongs to no entity."""

import asyncio

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.deadline import eventually
from tests.fakes.admin_api import serving

TOKEN = "s3cret-token"
HEADERS = {"cache-control": "no-store", "server": "tollkeeper"}


async def test_every_answer_is_json_that_nobody_keeps(quick: AdminClient) -> None:
    for answer in (await quick.get("/consumers"), await quick.get("/nothing")):
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert HEADERS.items() <= answer.headers.items()
        assert int(answer.headers["x-kong-admin-latency"]) >= 0
        assert int(answer.headers["content-length"]) == len(answer.body)


async def test_head_has_the_headers_of_get(quick: AdminClient) -> None:
    get, head = await quick.get("/consumers"), await quick.send("HEAD", "/consumers")
    assert head.status == 200
    assert head.body == b""
    varying = {"date", "x-kong-admin-latency"}
    assert {name: head.headers[name] for name in head.headers.keys() - varying} == {
        name: get.headers[name] for name in get.headers.keys() - varying
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
async def test_unknown_paths_are_not_found_for_any_method(quick: AdminClient, method: str) -> None:
    answer = await quick.send(method, "/nothing", headers={"Content-Type": "nonsense"})
    assert answer.status == 404
    assert answer.json() == {"message": "Not found"}


async def test_options_tell_the_methods_also_where_nothing_is(quick: AdminClient) -> None:
    answer = await quick.send("OPTIONS", "/consumers/nobody")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


async def test_a_wrong_method_is_told_the_right_ones(quick: AdminClient) -> None:
    answer = await quick.send("DELETE", "/consumers")
    assert answer.status == 405
    assert answer.json() == {"message": "Method not allowed"}
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await quick.send("GEEEET", "/consumers")).status == 405


async def test_a_type_that_is_not_understood_is_refused_first(quick: AdminClient) -> None:
    wrong = {"Content-Type": "text/plain"}
    for method, path in (("POST", "/consumers"), ("POST", "/consumers/x"), ("PUT", "/consumers")):
        answer = await quick.send(method, path, raw="x", headers=wrong)
        assert (answer.status, answer.body) == (415, b"")


async def test_what_has_no_body_may_say_what_it_likes(quick: AdminClient) -> None:
    for method in ("GET", "DELETE"):
        answer = await quick.send(
            method, "/consumers/x", raw="{garbage", headers={"Content-Type": "application/json"}
        )
        assert answer.status in {404, 204}


async def test_a_broken_body_is_told_before_a_missing_parent(quick: AdminClient) -> None:
    answer = await quick.send(
        "POST",
        "/consumers/nobody/acls",
        raw="{",
        headers={"Content-Type": "application/json"},
    )
    assert answer.json() == {"message": "Cannot parse JSON body"}
    assert (await quick.post("/consumers/nobody/acls", {"group": 5})).status == 404


async def test_arguments_without_end_are_refused(quick: AdminClient) -> None:
    answer = await quick.get("/consumers?" + "&".join(["a=1"] * 1001))
    assert answer.status == 400
    assert answer.json() == {"message": "Too many arguments"}


@pytest.mark.parametrize("size", [10 * 2**20 - 100, 10 * 2**20 + 1])
async def test_bodies_have_a_limit(quick: AdminClient, size: int) -> None:
    body = b'{"username": "bob"' + b" " * (size - 19) + b"}"
    answer = await quick.send(
        "POST", "/consumers", raw=body, headers={"Content-Type": "application/json"}
    )
    if size > 10 * 2**20:
        assert answer.status == 413
        assert answer.json() == {"message": "Payload too large"}
    else:
        assert answer.status == 201


async def test_a_body_that_is_promised_is_asked_for(quick: AdminClient) -> None:
    request = (
        "POST /consumers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", quick.port)
    writer.write(request.encode())
    async with asyncio.timeout(10):
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(b'{"username":"bob"}')
        assert b"HTTP/1.1 201" in await reader.read()
    writer.close()


async def test_compressed_bodies_are_not_opened(quick: AdminClient) -> None:
    answer = await quick.send(
        "POST",
        "/consumers",
        raw=b"\x1f\x8b garbage",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert answer.json() == {"message": "Cannot parse JSON body"}


async def test_without_the_token_nothing_is_told() -> None:
    async with serving(MemoryDatabase(), token=TOKEN) as client:
        assert (await client.get("/consumers")).status == 200
        stranger = AdminClient(client.port)
        for method, path in (
            ("GET", "/consumers"),
            ("GET", "/nothing"),
            ("GET", "/status"),
            ("OPTIONS", "/consumers"),
            ("POST", "/consumers"),
            ("DELETE", "/consumers/x"),
            ("PURGE", "/"),
        ):
            answer = await stranger.send(method, path)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json() == {"message": "A valid token is required"}


async def test_a_rebound_name_reaches_nothing(quick: AdminClient) -> None:
    rebound = AdminClient(quick.port, Host="evil.example")
    for method, path in (("GET", "/key-auths-enc"), ("POST", "/consumers"), ("GET", "/nothing")):
        assert (await rebound.send(method, path)).status == 421


SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=X"]


@pytest.mark.parametrize("content_type", SIMPLE)
async def test_a_website_cannot_post_a_form(quick: AdminClient, content_type: str) -> None:
    answer = await quick.send(
        "POST",
        "/consumers",
        raw="username=mallory",
        headers={"Content-Type": content_type, "Origin": "http://evil.example"},
    )
    assert answer.status == 403
    assert (await quick.get("/consumers")).json()["data"] == []


async def test_no_website_may_read_the_answer(quick: AdminClient) -> None:
    answer = await quick.send("GET", "/", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_write_can_wait_for_the_workers() -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await stores.board.report("worker", 0)
        write = asyncio.create_task(client.post("/consumers?wait=applied", {"username": "bob"}))
        await eventually(lambda: stores.consumers.find(username="bob"), "the write")
        assert not write.done()
        await stores.board.report("worker", await stores.changes.head())
        assert (await write).status == 201


async def test_a_write_that_no_worker_applies_is_done_all_the_same() -> None:
    stores = MemoryDatabase()
    async with serving(stores, applied_limit=0.05) as client:
        await stores.board.report("worker", 0)
        answer = await client.post("/consumers?wait=applied", {"username": "bob"})
        assert answer.status == 504
        assert (await client.get("/consumers/bob")).status == 200


async def test_what_cannot_be_waited_for_is_told_before_anything_is_written(
    quick: AdminClient,
) -> None:
    answer = await quick.post("/consumers?wait=later", {"username": "bob"})
    assert answer.status == 400
    assert (await quick.get("/consumers/bob")).status == 404


async def test_requests_are_counted_by_template() -> None:
    counted: list[tuple[str, str, int]] = []

    def count(*, method: str, route: str, status: int) -> None:
        counted.append((method, route, status))

    async with serving(MemoryDatabase(), on_request=count) as client:
        await client.get("/key-auths-enc/some-key")
        await client.get("/nothing/at/all")
        await client.send("PURGE", "/consumers")
        await AdminClient(client.port, Host="evil.example").get("/consumers")
    assert counted == [
        ("GET", "/key-auths-enc/{keyauth_enc_credentials}", 404),
        ("GET", "unmatched", 404),
        ("other", "/consumers", 405),
        ("GET", "unmatched", 421),
    ]
