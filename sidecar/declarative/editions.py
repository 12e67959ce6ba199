"""The declaration in force, as one process follows it."""

import asyncio
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sidecar.declarative.declaration import Declaration

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edition:
    """A declaration that is, or was, in force; numbers grow."""

    number: int
    declaration: Declaration


class CannotPublishError(Exception):
    """What is declared here would reach no other process; the text says what to do instead."""


class Declarations(Protocol):
    """What is in force in all processes of the product."""

    async def next(self) -> Edition:
        """Wait for an edition that was not returned before, and return the newest."""

    def applied(self, number: int) -> None:
        """Say that this process goes by an edition."""

    async def publish(self, declaration: Declaration) -> bool:
        """Put a declaration in force; return whether every process that serves goes by it.

        Raises:
            CannotPublishError: It cannot be, from here.
            TimeoutError: It is not known whether it is.
        """


class Latest(Generic[T]):
    """Holds the newest of many things until somebody takes it. Belongs to one event loop."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._is_there = asyncio.Event()

    def put(self, value: T) -> None:
        """Hold this instead of what nobody has taken."""
        self._value = value
        self._is_there.set()

    async def take(self) -> T:
        """Wait for something, and take it."""
        while self._value is None:
            self._is_there.clear()
            await self._is_there.wait()
        value, self._value = self._value, None
        return value
