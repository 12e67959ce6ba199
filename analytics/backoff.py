"""How long to wait before a batch is sent again."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

Pause = Callable[[float, asyncio.Event], Awaitable[None]]

_MAX_DOUBLINGS = 16  # by then every cap is reached


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds.

    Attributes:
        first: The longest delay after the first failure; it doubles with each further one.
        longest: The longest delay of all.
        probe: About how often a collector is asked that refuses the application id.
        longest_asked: The longest delay that a collector may ask for.
        chance: Returns a number in [0, 1).
    """

    first: float = 0.5
    longest: float = 30.0
    probe: float = 60.0
    longest_asked: float = 3600.0
    chance: Callable[[], float] = random.random

    def after_failure(self, failures: int, asked: float | None) -> float:
        """Return the delay after this many failures in a row, and what the collector asked for.

        Without a wish of the collector's it is anything up to a limit that doubles ("full
        jitter"): many senders that failed together do not come back together. A wish is kept to.
        """
        if asked is not None:
            return min(asked, self.longest_asked) + self.first * self.chance()
        limit = math.ldexp(self.first, min(failures - 1, _MAX_DOUBLINGS))
        return min(limit, self.longest) * self.chance()

    def until_probe(self) -> float:
        """Return the delay before a collector is asked again that refused the application id."""
        return self.probe * (0.75 + 0.5 * self.chance())


async def pause(seconds: float, cut_short: asyncio.Event) -> None:
    """Return after so many seconds, or as soon as the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await cut_short.wait()
