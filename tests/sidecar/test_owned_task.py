import asyncio

from structlog.testing import capture_logs

from sidecar.owned_task import start_owned


async def test_a_fault_is_told_at_once_with_the_name_of_the_task() -> None:
    async def fail() -> None:
        raise KeyError("a fault in here")

    with capture_logs() as logs:
        await asyncio.wait([start_owned(fail(), name="work")])
        await asyncio.sleep(0)
    assert [(log["event"], log["task"]) for log in logs] == [
        ("a task of this process ended by itself", "work")
    ]


async def test_an_end_that_is_meant_is_not_told() -> None:
    async def go_on() -> None:
        await asyncio.Event().wait()

    with capture_logs() as logs:
        task = start_owned(go_on(), name="work")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert logs == []
