"""Bodies over gRPC, from a client that behaves like Envoy, and from one that does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest

from analytics.accesslog import serve
from analytics.bodies.captured import Bodies
from analytics.bodies.face import SERVICE, BodyFace
from analytics.bodies.join import BodyJoin
from analytics.bodies.metrics import BodyOutcome
from analytics.bodies.recording import Limits
from analytics.record import AccessRecord, Sender
from tests.deadline import eventually
from tests.fakes.body_counts import BodyCounts
from tests.fakes.body_messages import (
    ENTRY,
    request_body,
    request_headers,
    response_body,
    response_headers,
)
from tests.fakes.counting_metrics import CountingMetrics

METHOD = f"/{SERVICE}/Process"
WHOLE = [request_headers(), request_body(b"question"), response_headers(), response_body(b"answer")]


class Scene:
    """The face, and a channel to it."""

    def __init__(self) -> None:
        self.counts = BodyCounts()
        self.released: list[Bodies] = []
        self.join = BodyJoin(release=self._release, metrics=self.counts)
        self.join.configure(Limits(request=100_000, response=100_000))
        self.channel: grpc.aio.Channel

    def _release(self, _record: AccessRecord, _sender: Sender, bodies: Bodies) -> None:
        self.released.append(bodies)

    @asynccontextmanager
    async def serving(self, max_stream_age: float = 60.0) -> AsyncIterator[None]:
        self.face = BodyFace(self.join, max_stream_age=max_stream_age)
        async with (
            serve(
                "127.0.0.1:0",
                open_stream=lambda: pytest.fail("this is no access log"),
                metrics=CountingMetrics(),
                beside=self.face,
            ) as address,
            grpc.aio.insecure_channel(address) as self.channel,
        ):
            yield

    def open(self) -> grpc.aio.StreamStreamCall:
        return self.channel.stream_stream(METHOD)()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with scene.serving():
        yield scene
    scene.join.stop()


async def ended(call: grpc.aio.StreamStreamCall) -> grpc.StatusCode:
    """Return how the server ended a call, which it must without a single answer."""
    assert await call.read() is grpc.aio.EOF
    return await call.code()


async def test_a_stream_is_ended_from_here_after_the_response(scene: Scene) -> None:
    call = scene.open()
    for message in WHOLE:
        await call.write(message)
    assert await ended(call) is grpc.StatusCode.OK
    bodies = scene.join.offer(ENTRY, Sender())
    assert bodies is not None
    assert bodies.response is not None
    assert bodies.response.data == b"answer"


async def test_a_stream_that_the_client_ends_or_breaks_is_over(scene: Scene) -> None:
    for end in (lambda call: call.done_writing(), lambda call: call.cancel()):
        call = scene.open()
        await call.write(WHOLE[0])
        await call.write(request_body(b"ques", ends=False))
        await eventually(lambda: scene.counts.size or scene.join._size, "the message to be read")
        outcome = end(call)
        if not isinstance(outcome, bool):
            await outcome
        await eventually(lambda: scene.counts.outcomes[BodyOutcome.CUT_OFF], "the end")
        scene.counts.outcomes.clear()
        assert scene.counts.streams == 0
        scene.join.offer(ENTRY, Sender())  # takes it off the books


async def test_a_large_upload_is_not_read_to_its_end(scene: Scene) -> None:
    call = scene.open()
    await call.write(WHOLE[0])
    chunk = request_body(b"x" * 65536, ends=False)
    with suppress(grpc.aio.UsageError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while not call.done():
            await call.write(chunk)
    await eventually(lambda: scene.counts.streams == 0, "the end of the stream")
    assert scene.counts.outcomes[BodyOutcome.TOO_LARGE] == 1


async def test_one_that_expects_answers_gets_the_end_of_the_stream(scene: Scene) -> None:
    call = scene.open()
    await call.write(request_headers(observed=False))
    assert await ended(call) is grpc.StatusCode.OK


async def test_a_stream_that_is_too_old_is_ended() -> None:
    scene = Scene()
    async with scene.serving(max_stream_age=0.1):
        call = scene.open()
        await call.write(WHOLE[0])
        assert await ended(call) is grpc.StatusCode.OK
    scene.join.stop()


async def test_ending_ends_streams_that_are_open_and_those_to_come(scene: Scene) -> None:
    call = scene.open()
    await call.write(WHOLE[0])
    await eventually(lambda: scene.join._streams == 1, "the stream")
    scene.face.end_streams()
    assert await ended(call) is grpc.StatusCode.OK
    late = scene.open()
    assert await ended(late) is grpc.StatusCode.OK
