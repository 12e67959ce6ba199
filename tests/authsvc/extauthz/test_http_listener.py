"""Claims about the HTTP face before it is loaded, on both event loops: workers run on uvloop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from authsvc.extauthz import http_listener
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from tests.clients.raw_http import exchange, send
from tests.deadline import eventually
from tests.fakes.authenticator import make_authenticator

KEY = "the-key"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
PIECES = (b"POST /a HTTP/1.1\r\nhost: a\r\nconn", b"ection: close\r\napi", b"key: the-key\r\n\r\n")
WITHIN = 10.0  # seconds

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run a claim on one of the loops."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield runner.run


class Held:
    """Loads the real face once it is allowed to."""

    def __init__(self) -> None:
        self.asked = 0
        self.allowed = threading.Event()

    def __call__(self) -> Any:
        self.asked += 1
        assert self.allowed.wait(WITHIN)
        return http_listener.load()


def serving(load: Callable[[], Any] | None = None) -> AbstractAsyncContextManager[str]:
    """Serve on some port, for one key that may also be in a body."""
    return http_listener.serve(
        "127.0.0.1:0",
        authenticator=make_authenticator(KeyAuthConfig(key_in_body=True), key=KEY),
        metrics=NullMetrics(),
        load=load or http_listener.load,
    )


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_all_who_came_before_it_was_loaded_are_answered(run: Run) -> None:
    async def claim() -> None:
        load = Held()
        async with serving(load) as address:
            asked = [
                asyncio.create_task(send(port_of(address), "/", f"apikey: {KEY}")) for _ in range(9)
            ]
            await eventually(lambda: load.asked, "somebody to come")
            asked.append(asyncio.create_task(send(port_of(address), "/")))
            load.allowed.set()
            statuses = [answer.status for answer in await asyncio.gather(*asked)]
            later = await send(port_of(address), "/", f"apikey: {KEY}")
        assert statuses == [200] * 9 + [401]
        assert (later.status, load.asked) == (200, 1)

    run(claim())


def test_it_is_not_loaded_before_somebody_comes(run: Run) -> None:
    async def claim() -> None:
        load = Held()
        async with serving(load):
            await asyncio.sleep(0)
            assert load.asked == 0

    run(claim())


def test_what_was_said_before_it_was_loaded_is_read_whole(run: Run) -> None:
    body = b"apikey=the-key&filling=" + b"x" * 1_000_000
    head = (
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    async def claim() -> None:
        load = Held()
        async with serving(load) as address:
            asked = asyncio.create_task(exchange(port_of(address), head.encode() + body))
            await eventually(lambda: load.asked, "somebody to come")
            await asyncio.sleep(0.05)  # so that some of it is read; if not, less is claimed
            load.allowed.set()
            assert (await asked).status == 200

    run(claim())


def test_a_request_may_come_in_pieces_before_and_after(run: Run) -> None:
    async def claim() -> None:
        load = Held()
        async with serving(load) as address, asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(address))
            writer.write(PIECES[0])
            await eventually(lambda: load.asked, "somebody to come")
            writer.write(PIECES[1])
            load.allowed.set()
            writer.write(PIECES[2])
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()

    run(claim())


def test_who_left_before_it_was_loaded_is_forgotten(run: Run) -> None:
    async def claim() -> None:
        load = Held()
        async with serving(load) as address:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(address))
            await eventually(lambda: load.asked, "somebody to come")
            writer.transport.abort()
            load.allowed.set()
            assert (await send(port_of(address), "/", f"apikey: {KEY}")).status == 200

    run(claim())


def test_if_it_cannot_be_loaded_who_waits_is_turned_away_and_the_next_one_tries_again(
    run: Run,
) -> None:
    faults = [ImportError("no module"), None]

    def load() -> Any:
        if (fault := faults.pop(0)) is not None:
            raise fault
        return http_listener.load()

    async def claim() -> None:
        async with serving(load) as address:
            with pytest.raises(ConnectionError), capture_logs() as logged:
                await send(port_of(address), "/", f"apikey: {KEY}")
            assert [line["event"] for line in logged] == ["the HTTP face cannot be loaded"]
            assert (await send(port_of(address), "/", f"apikey: {KEY}")).status == 200

    run(claim())


def test_who_waits_is_not_kept_when_it_stops(run: Run) -> None:
    async def claim() -> None:
        load = Held()
        async with serving(load) as address:
            asked = asyncio.create_task(send(port_of(address), "/"))
            await eventually(lambda: load.asked, "somebody to come")
        with pytest.raises(ConnectionError):
            await asked
        load.allowed.set()

    run(claim())


def test_a_unix_socket_will_do(run: Run, tmp_path: Path) -> None:
    async def claim() -> None:
        address = f"unix:{tmp_path}/http.sock"
        authenticator = make_authenticator(KeyAuthConfig(), key=KEY)
        metrics = NullMetrics()
        async with http_listener.serve(address, authenticator=authenticator, metrics=metrics):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "http.sock")
            writer.write(b"".join(PIECES))
            async with asyncio.timeout(WITHIN):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()

    run(claim())


def test_an_address_that_is_taken_is_told_at_the_start(run: Run, tmp_path: Path) -> None:
    async def claim() -> None:
        authenticator = make_authenticator(KeyAuthConfig(), key=KEY)
        folder = f"unix:{tmp_path}"
        with pytest.raises(OSError, match="in use"):
            async with http_listener.serve(
                folder, authenticator=authenticator, metrics=NullMetrics()
            ):
                pass

    run(claim())
