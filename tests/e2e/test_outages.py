"""What goes away, and comes back."""

import asyncio
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.deadline import eventually
from tests.fakes.processes import descendants, is_alive
from tests.fakes.product import Product
from tests.fakes.stack import Key, Stack

_ATTEMPTS = 3


async def statuses(stack: Stack, key: Key, times: int = 8) -> set[int]:
    return {(await stack.get("/", key.header)).status for _ in range(times)}


@asynccontextmanager
async def load(stack: Stack, key: Key) -> AsyncIterator[Counter[int]]:
    """Ask without pause inside the context; count the answers by status."""
    answers: Counter[int] = Counter()

    async def ask() -> None:
        while True:
            answers[(await stack.get("/", key.header)).status] += 1

    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(ask()) for _ in range(2)]
        yield answers
        for task in asking:
            task.cancel()


async def checks(stack: Stack) -> list[str]:
    """Return what Envoy counted of its checks."""
    _, stats = await stack.envoy.ask("/stats?usedonly&filter=tollkeeper_authsvc|ext_authz")
    return stats.splitlines()


async def test_without_the_database_known_keys_go_on_and_unknown_ones_are_503(
    stack: Stack,
) -> None:
    known, unknown = await stack.new_key(), await stack.new_key()
    assert await statuses(stack, known, 32) == {200}  # every worker has seen it

    await stack.database.kill()
    try:
        outcome = await statuses(stack, known), await statuses(stack, unknown)
        wrong = (await stack.get("/", f"apikey: {secrets.token_hex(16)}")).status
        without = (await stack.get("/")).status
    finally:
        await stack.database.start()

    assert outcome == ({200}, {503})
    assert (wrong, without) == (503, 401)

    async def is_over() -> bool:
        return await statuses(stack, unknown) == {200}

    await eventually(is_over, "the workers to find the database again", within=30)
    after = await stack.new_key()
    assert await statuses(stack, after) == {200}


async def test_a_worker_that_is_asked_to_stop_loses_no_request(stack: Stack) -> None:
    key = await stack.new_key()
    outcomes = []

    # A check that takes Envoy's whole second on a busy machine is a 503 of its own; a worker that
    # does not drain loses requests every time.
    while len(outcomes) < _ATTEMPTS and {200} not in map(set, outcomes):
        worker = stack.product.workers("authsvc")[0]
        async with load(stack, key) as answers:
            await stop_and_replace(stack, worker)
        outcomes.append(answers)

    assert {200} in map(set, outcomes), (outcomes, await checks(stack))


async def stop_and_replace(stack: Stack, worker: int) -> None:
    os.kill(worker, signal.SIGTERM)
    await eventually(lambda: not is_alive(worker), "the worker to stop")
    await eventually(lambda: worker not in stack.product.workers("authsvc"), "its successor")


async def test_when_all_workers_are_killed_requests_fail_until_they_are_back(stack: Stack) -> None:
    key = await stack.new_key()

    async with load(stack, key) as answers:
        for worker in stack.product.workers("authsvc"):
            os.kill(worker, signal.SIGKILL)
        await eventually(lambda: answers[503], "the outage to be felt")
        without_key = (await stack.get("/", "x-consumer-id: evil")).status

    async def is_over() -> bool:
        return await statuses(stack, key, 16) == {200}

    await eventually(is_over, "the workers to be back")
    assert set(answers) <= {200, 503}
    assert without_key in {401, 503}


async def test_while_the_collector_is_down_nothing_is_lost(stack: Stack) -> None:
    key = await stack.new_key()
    mark = secrets.token_hex(8)
    sent = {f"{mark}/{number}" for number in range(60)}
    await stack.collector.stop()

    try:
        for path in sent:
            assert (await stack.get(f"/{path}", key.header)).status == 200
        pages = [""]

        async def is_retrying() -> bool:
            pages.append(await stack.product.page("/metrics"))
            return pages[-1].count("retry") > 0

        await eventually(is_retrying, "analytics to notice")
    finally:
        await stack.collector.start()

    await eventually(lambda: sent <= set(stack.paths()), "all events", within=60)
    assert Counter(path for path in stack.paths() if mark in path) == Counter(sent)


async def test_requests_go_on_while_analytics_is_killed(stack: Stack) -> None:
    key = await stack.new_key()
    (analytics,) = stack.product.workers("analytics")
    mark = secrets.token_hex(8)

    async with load(stack, key) as answers:
        os.kill(analytics, signal.SIGKILL)
        await eventually(lambda: analytics not in stack.product.workers("analytics"), "another")

    assert set(answers) == {200}

    async def is_told() -> bool:
        await stack.get(f"/{mark}", key.header)
        return any(mark in path for path in stack.paths())

    await eventually(is_told, "events to come again")


async def test_a_supervisor_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    product = Product(tmp_path, database_url=None)
    await product.start()
    started = descendants(product.pid)
    assert len(started) > 4  # roles, and a database with its own processes

    await product.stop(signal.SIGKILL)

    await eventually(lambda: not any(map(is_alive, started)), "every process to end", within=30)


async def test_a_product_that_is_asked_to_stop_ends_well_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    product = Product(tmp_path, database_url=None)
    await product.start()
    started = descendants(product.pid)

    assert await product.stop() == 0
    assert not any(map(is_alive, started))
