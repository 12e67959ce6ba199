"""Why a server cannot be reached, said in words: each case is a real one."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sidecar.admin_client import AdminApiError, AdminUrlError, open_admin
from sidecar.unreachable import reason
from tests.fakes.certificates import Authority
from tests.fakes.free_port import free_port


@asynccontextmanager
async def saying(answer: bytes, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Listen on the port that is yielded; say this to whoever asks, and hang up."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def told(url: str) -> str:
    with pytest.raises(AdminApiError) as caught:
        async with open_admin(url) as admin:
            await admin.send("GET", "/")
    assert not re.search(r"Error|Exception|aiohttp", str(caught.value))  # no names of classes
    start, _, why = str(caught.value).partition(" cannot be reached: ")
    assert start == f"the Admin API at {url}"
    return why


async def test_a_port_that_nobody_listens_on() -> None:
    assert await told(f"http://127.0.0.1:{free_port()}") == (
        "the connection is refused; nobody listens there"
    )


async def test_a_name_that_is_not_known() -> None:
    assert await told("http://nowhere.invalid:8001") == "the name nowhere.invalid is not known"


@pytest.mark.parametrize(
    "url", ["http://[::1", "example", "ftp://127.0.0.1", "http://127.0.0.1:99999"]
)
async def test_what_is_no_url_is_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(AdminUrlError, match=f"at {re.escape(url)}: that is no URL"):
        async with open_admin(url) as admin:
            await admin.send("GET", "/")


async def test_a_server_that_hangs_up() -> None:
    async with saying(b"") as port:
        assert "cut without an answer" in await told(f"http://127.0.0.1:{port}")


async def test_a_server_that_speaks_something_else() -> None:
    async with saying(b"\x15\x03\x03 no HTTP\r\n\r\n") as port:
        assert await told(f"http://127.0.0.1:{port}") == "what answers there does not speak HTTP"


async def test_an_answer_that_breaks_off() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{") as port:
        assert await told(f"http://127.0.0.1:{port}") == "its answer breaks off"


FOREIGN = {"a page": b"<html>", "an object": b"{}", "a list": b"[]", "no list": b'{"data": null}'}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
async def test_another_program_at_that_address(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
    async with saying(answer) as port, open_admin(f"http://127.0.0.1:{port}") as admin:
        with pytest.raises(AdminApiError, match=f":{port} is not the Admin API"):
            await admin.rows("/consumers")


async def test_tls_where_there_is_none() -> None:
    async with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert await told(f"https://127.0.0.1:{port}") == "TLS fails; does it expect http?"


async def test_a_certificate_that_nobody_knows(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.both)
    async with saying(b"", tls=tls) as port:
        why = await told(f"https://127.0.0.1:{port}")
    assert why.startswith("its certificate is not trusted (")


OTHERS = {
    "too slow": (TimeoutError(), "it does not answer in time"),
    "no route": (OSError(113, "x"), "there is no way to that host"),
    "another number": (OSError(13, "x"), "permission denied"),
    "no number": (OSError("x"), "the connection is refused or fails at each of its addresses"),
    "anything else": (aiohttp.ClientError("canary"), "it cannot be spoken to"),
}


@pytest.mark.parametrize(("error", "words"), OTHERS.values(), ids=OTHERS)
def test_what_is_hard_to_bring_about(error: Exception, words: str) -> None:
    assert reason(error) == words
