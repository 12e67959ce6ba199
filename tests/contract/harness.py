"""What the contract tests hold on to, whichever stores are behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from authsvc.store import Retention, Stores

START = 1_000_000.0


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Harness:
    """Makes stores; two made by one harness are two views of one database where that can be."""

    clock: Clock
    open: Callable[[Retention], Awaitable[Stores]]
    age: Callable[[float], Awaitable[None]]  # seconds go by for the board and the change log
