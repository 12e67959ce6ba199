"""Asked to stop: cancelled while it starts, told while it serves."""

import asyncio
import os
import signal

import pytest

from sidecar.stopping import Stop, signals


async def test_who_still_starts_is_cancelled() -> None:
    stop = Stop()
    ends: list[str] = []

    async def work() -> None:
        try:
            stop.ask()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    await stop.run(work())
    assert ends == ["cancelled"]


async def test_who_serves_is_told_and_finishes() -> None:
    stop = Stop()
    ends: list[str] = []

    async def work() -> None:
        stop.serving()
        asyncio.get_running_loop().call_soon(stop.ask)
        await stop.wait()
        await asyncio.sleep(0.01)
        ends.append("drained")

    await stop.run(work())
    assert ends == ["drained"]


async def test_who_starts_to_serve_after_being_asked_is_told_too() -> None:
    stop = Stop()
    stop.ask()
    assert stop.asked
    assert await stop.wait()


async def test_waiting_has_an_end() -> None:
    assert not await Stop().wait(0.001)


async def test_errors_of_the_work_come_out() -> None:
    async def work() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await Stop().run(work())


async def test_whoever_cancels_the_run_cancels_the_work() -> None:
    stop = Stop()
    ended = asyncio.Event()

    async def work() -> None:
        stop.serving()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    run = asyncio.create_task(stop.run(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended.is_set()


async def test_asking_again_does_what_the_work_said() -> None:
    stop = Stop()
    asked: list[str] = []
    stop.serving(again=lambda: asked.append("again"))
    stop.ask()
    assert not asked
    stop.ask()
    assert asked == ["again"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks(number: signal.Signals) -> None:
    stop = Stop()
    with signals(stop):
        os.kill(os.getpid(), number)
        assert await stop.wait(5)


async def test_a_hangup_is_survived_and_does_not_ask() -> None:
    stop = Stop()
    asked: list[str] = []
    stop.serving(again=lambda: asked.append("again"))
    with signals(stop):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await stop.wait(5)
        await asyncio.sleep(0)  # both were there: the loop has handled both
    assert not asked


async def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with signals(Stop()):
        assert signal.getsignal(signal.SIGHUP) != before
    assert signal.getsignal(signal.SIGHUP) == before
