import asyncio
import zlib
from collections.abc import AsyncIterator
from importlib.metadata import version

import pytest

from analytics.application_id import ApplicationId
from analytics.collector import Answer, DocumentKind, Fetched, Payload, Target
from analytics.encoding import encode_batch
from analytics.errors import CollectorUnreachableError, DocumentError
from analytics.moesif import MAX_DOCUMENT, MoesifCollector
from analytics.profiles import ProfileKind
from tests.fakes.collector import Collector, Hang, Reply

PAYLOAD = Payload(b'[{"n":1}]', None)


def target(url: str, *, send_timeout: float = 10.0) -> Target:
    return Target(
        application_id=ApplicationId("APP1"),
        endpoint=url,
        connect_timeout=5.0,
        send_timeout=send_timeout,
    )


@pytest.fixture
async def client() -> AsyncIterator[MoesifCollector]:
    async with MoesifCollector() as client:
        yield client


async def test_a_batch_goes_where_moesif_takes_it(client: MoesifCollector) -> None:
    async with Collector() as collector:
        assert await client.send(PAYLOAD, target(collector.url)) == Answer(201)
        (post,) = collector.posts
    assert post.path == "/v1/events/batch"
    assert post.headers["x-moesif-application-id"] == "APP1"
    assert post.headers["content-type"] == "application/json"
    assert post.headers["user-agent"] == f"tollkeeper/{version('tollkeeper')}"
    assert "content-encoding" not in post.headers
    assert post.body == PAYLOAD.body


async def test_the_endpoint_may_have_a_path(client: MoesifCollector) -> None:
    async with Collector() as collector:
        await client.send(PAYLOAD, target(f"{collector.url}/collector"))
        assert collector.posts[0].path == "/collector/v1/events/batch"


@pytest.mark.parametrize("kind", ProfileKind)
async def test_users_and_companies_go_where_moesif_takes_them(
    client: MoesifCollector, kind: ProfileKind
) -> None:
    async with Collector() as collector:
        assert await client.upsert(kind, PAYLOAD, target(collector.url)) == Answer(201)
        (post,) = collector.posts
    assert post.path == f"/v1/{kind}/batch"
    assert post.headers["x-moesif-application-id"] == "APP1"
    assert post.body == PAYLOAD.body


async def test_a_compressed_batch_says_so(client: MoesifCollector) -> None:
    async with Collector() as collector:
        await client.send(encode_batch([b'{"n":1}'], compress=True), target(collector.url))
        (post,) = collector.posts
    assert post.headers["content-encoding"] == "gzip"
    assert zlib.decompress(post.body, zlib.MAX_WBITS | 16) == PAYLOAD.body


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
RETRY_AFTER = {
    "seconds": ({"Retry-After": "3"}, 3.0),
    "a date": ({"Retry-After": "Wed, 21 Oct 2026 07:29:30 GMT", "Date": DATE}, 90.0),
    "a date that is over": ({"Retry-After": "Wed, 21 Oct 2026 07:00:00 GMT", "Date": DATE}, 0.0),
    "nonsense": ({"Retry-After": "soon"}, None),
    "negative": ({"Retry-After": "-5"}, None),
    "a day beyond all": (
        {"Retry-After": f"Wed, {'9' * 20} Oct 2026 07:29:30 GMT", "Date": DATE},
        None,
    ),
    "absent": ({}, None),
}


@pytest.mark.parametrize(("headers", "expected"), RETRY_AFTER.values(), ids=RETRY_AFTER)
async def test_what_the_collector_asks_for_is_read(
    client: MoesifCollector, headers: dict[str, str], expected: float | None
) -> None:
    async with Collector(Reply(429, headers)) as collector:
        assert await client.send(PAYLOAD, target(collector.url)) == Answer(429, expected)


async def test_redirects_are_not_followed(client: MoesifCollector) -> None:
    async with Collector() as elsewhere:
        moved = Reply(307, {"Location": f"{elsewhere.url}/v1/events/batch"})
        async with Collector(moved) as collector:
            assert await client.send(PAYLOAD, target(collector.url)) == Answer(307)
        assert elsewhere.posts == []


async def test_the_time_limit_is_for_the_whole_request(client: MoesifCollector) -> None:
    async with Collector(Hang(3600)) as collector:
        with pytest.raises(CollectorUnreachableError):
            await client.send(PAYLOAD, target(collector.url, send_timeout=0.1))


async def test_a_closed_connection_is_no_answer(client: MoesifCollector) -> None:
    async with Collector(Hang(0)) as collector:
        with pytest.raises(CollectorUnreachableError):
            await client.send(PAYLOAD, target(collector.url))


async def test_a_refused_connection_is_no_answer(client: MoesifCollector) -> None:
    collector = Collector()
    await collector.start()
    await collector.stop()
    with pytest.raises(CollectorUnreachableError) as caught:
        await client.send(PAYLOAD, target(collector.url))
    assert "APP1" not in repr(caught.value)


async def test_an_answer_counts_although_its_body_never_ends(client: MoesifCollector) -> None:
    truncated = Reply(201, {"Content-Length": "100000"})
    async with Collector(truncated) as collector:
        answer = await client.send(PAYLOAD, target(collector.url, send_timeout=0.5))
    assert answer == Answer(201)


async def test_a_long_answer_is_not_read_to_its_end(client: MoesifCollector) -> None:
    async with Collector(Reply(500, body=b"x" * 1_000_000)) as collector:
        assert await client.send(PAYLOAD, target(collector.url)) == Answer(500)


async def test_connections_are_kept(client: MoesifCollector) -> None:
    async with Collector(Reply(200, body=b"x" * 60_000)) as collector:
        for _ in range(3):
            await client.send(PAYLOAD, target(collector.url))
        assert len({post.peer for post in collector.posts}) == 1


async def test_nothing_is_sent_outside_of_the_context() -> None:
    with pytest.raises(RuntimeError, match="context"):
        await MoesifCollector().send(PAYLOAD, target("http://127.0.0.1:9"))


async def test_documents_are_asked_for_with_the_application_id(client: MoesifCollector) -> None:
    async with Collector() as collector:
        collector.config, collector.rules, collector.tag = {"sample_rate": 5}, [{}], "t1"
        config = await client.fetch(DocumentKind.CONFIG, target(collector.url))
        rules = await client.fetch(DocumentKind.RULES, target(collector.url))
    assert (config.status, config.body, config.tag) == (200, b'{"sample_rate":5}', "t1")
    assert rules.body == b"[{}]"
    assert collector.gets == ["/v1/config", "/v1/rules"]


@pytest.mark.parametrize("name", ["X-Moesif-Rules-Tag", "x-moesif-rules-etag"])
async def test_the_tag_of_the_rules_has_two_names(client: MoesifCollector, name: str) -> None:
    async with Collector() as collector:
        collector.config = Reply(200, {name: "r1"}, b"{}")
        fetched = await client.fetch(DocumentKind.CONFIG, target(collector.url))
    assert fetched == Fetched(200, b"{}", rules_tag="r1")


async def test_the_body_of_an_error_is_nobodys_document(client: MoesifCollector) -> None:
    async with Collector() as collector:
        collector.config = Reply(503, {"Retry-After": "7"}, b'{"sample_rate":0}')
        fetched = await client.fetch(DocumentKind.CONFIG, target(collector.url))
    assert fetched == Fetched(503, retry_after=7.0)


TOO_MUCH = {
    "a document without end": Reply(200, {}, b"x" * (MAX_DOCUMENT + 1)),
    "a compressed one": Reply(200, {"Content-Encoding": "gzip"}, zlib.compress(b"{}")),
}


@pytest.mark.parametrize("reply", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_what_has_no_bounds_is_not_taken(client: MoesifCollector, reply: Reply) -> None:
    async with Collector() as collector:
        collector.config = reply
        with pytest.raises(DocumentError):
            await client.fetch(DocumentKind.CONFIG, target(collector.url))


async def test_a_redirect_of_a_document_is_not_followed(client: MoesifCollector) -> None:
    async with Collector() as elsewhere, Collector() as collector:
        collector.rules = Reply(302, {"Location": f"{elsewhere.url}/v1/rules"})
        fetched = await client.fetch(DocumentKind.RULES, target(collector.url))
        assert (fetched.status, elsewhere.gets) == (302, [])


async def test_no_answer_to_a_question_is_told(client: MoesifCollector) -> None:
    async with Collector() as collector:
        collector.config = Hang(0)
        with pytest.raises(CollectorUnreachableError):
            await client.fetch(DocumentKind.CONFIG, target(collector.url))


async def test_a_tag_that_is_no_text_is_none(client: MoesifCollector) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        tag = b"X-Moesif-Config-ETag: \xff\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + tag + b"Content-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        fetched = await client.fetch(DocumentKind.CONFIG, target(f"http://{host}:{port}"))
    assert fetched == Fetched(200, b"{}")


async def test_tags_on_answers_to_batches_are_told() -> None:
    told: list[tuple[str, str]] = []
    async with Collector() as collector, MoesifCollector() as client:
        client.noticed = lambda at, tag: told.append((at.endpoint, tag))
        await client.send(PAYLOAD, target(collector.url))
        collector.tag = "t" * 257
        await client.send(PAYLOAD, target(collector.url))
        collector.tag = "t2"
        await client.send(PAYLOAD, target(collector.url))
    assert told == [(collector.url, "t2")]
