import asyncio
import subprocess
import sys
from pathlib import Path

# A child that waits for its parent's end, and tells of it through a pipe that outlives both.
CHILD = """
import asyncio
from sidecar.demo.parent_watch import watching_parent

async def main():
    gone = asyncio.Event()
    with watching_parent(gone.set):
        print("watching", flush=True)
        await gone.wait()
    print("gone", flush=True)

asyncio.run(main())
"""


async def test_the_end_of_the_parent_is_noticed() -> None:
    # Not the only command of the shell, which would become it.
    parent = await asyncio.create_subprocess_exec(
        *("sh", "-c", '"$@"; true', "sh", sys.executable, "-c", CHILD),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"watching\n"

    parent.kill()

    async with asyncio.timeout(20):
        assert await parent.stdout.read() == b"gone\n"
    await parent.wait()


async def test_a_parent_that_lives_is_not_said_to_be_gone() -> None:
    from sidecar.demo.parent_watch import watching_parent  # noqa: PLC0415

    told: list[bool] = []
    with watching_parent(lambda: told.append(True)):
        await asyncio.sleep(0)

    assert told == []
