"""Waits for a condition, not for a time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

_POLL = 0.02  # seconds


async def eventually(
    condition: Callable[[], object | Awaitable[object]], what: str, *, within: float = 20.0
) -> None:
    """Return once ``condition()`` is true; fail with what was awaited after ``within`` seconds."""
    try:
        async with asyncio.timeout(within):
            while True:
                outcome = condition()
                if inspect.isawaitable(outcome):
                    outcome = await outcome
                if outcome:
                    return
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise AssertionError(f"waited {within:g} s in vain for {what}") from None
