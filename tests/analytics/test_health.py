import asyncio

from analytics.health import Health


async def test_the_server_and_its_services_are_known() -> None:
    health = Health("a.B")
    assert [health.status_of(name) for name in ("", "a.B", "c.D", None)] == [
        False,
        False,
        None,
        None,
    ]
    health.set_serving(serving=True)
    assert health.status_of("a.B") is True


async def test_who_asked_lately_or_still_watches_is_noticed() -> None:
    now = 1000.0
    health = Health("a.B", now=lambda: now)
    assert not health.is_watched
    health.status_of("")
    assert health.is_watched
    now += 60
    assert not health.is_watched
    watching = health.watch("")
    await anext(watching)
    now += 3600
    assert health.is_watched
    await watching.aclose()
    assert not health.is_watched


async def test_watching_tells_each_change_until_the_end() -> None:
    health = Health()
    seen = []

    async def watch() -> None:
        async for status in health.watch(""):
            seen.append(status)  # noqa: PERF401 - what was seen before the end counts

    watching = asyncio.create_task(watch())
    for serving in (True, False):
        await asyncio.sleep(0)
        health.set_serving(serving=serving)
    await asyncio.sleep(0)
    health.end()
    async with asyncio.timeout(10):
        await watching
    assert seen == [False, True, False]
