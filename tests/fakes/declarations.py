"""Declarations for tests: made of entities, counted, and handed on without processes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sidecar.control import Load, Order, Role
from sidecar.declarative.declaration import Declaration
from sidecar.declarative.editions import Edition, Latest
from sidecar.declarative.parser import parse_declaration


def file_of(**entities: Any) -> str:
    """Return the text of a declarative file."""
    return json.dumps({"_format_version": "3.0", **entities})


def declared(**entities: Any) -> Declaration:
    """Return what a file with these entities declares."""
    return parse_declaration(file_of(**entities))


def a_consumer(name: str, *keys: str, **credential: Any) -> dict[str, Any]:
    """Return a consumer with keys."""
    return {"username": name, "keyauth_credentials": [{"key": key, **credential} for key in keys]}


class Published:
    """``Declarations`` that a test puts in force."""

    def __init__(self, first: Declaration) -> None:
        self._newest: Latest[Edition] = Latest()
        self._number = 0
        self.were_applied: list[int] = []
        self._progress = asyncio.Event()
        self.put(first)

    def put(self, declaration: Declaration) -> None:
        self._number += 1
        self._newest.put(Edition(self._number, declaration))

    async def next(self) -> Edition:
        return await self._newest.take()

    def applied(self, number: int) -> None:
        self.were_applied.append(number)
        self._progress.set()

    async def publish(self, declaration: Declaration) -> bool:
        self.put(declaration)
        while self._number not in self.were_applied:
            self._progress.clear()
            await self._progress.wait()
        return True


class CountedLoads:
    """``LoadMetrics`` that remember."""

    def __init__(self) -> None:
        self.results: list[str] = []

    def loaded(self, *, at: float) -> None:
        self.results.append("loaded")

    def unchanged(self) -> None:
        self.results.append("unchanged")

    def refused(self) -> None:
        self.results.append("refused")


class Herd:
    """Processes that do at once what they are told, or (``deaf``) nothing at all."""

    def __init__(self, *, deaf: bool = False) -> None:
        self._deaf = deaf
        self.loads: dict[Role, list[Load]] = {"authsvc": [], "analytics": [], "admin": []}
        self.orders: list[Order] = []

    def declare(self, load: Callable[[Role], Load]) -> None:
        for role, seen in self.loads.items():
            seen.append(load(role))

    async def until_applied(self, number: int, *, seconds: float) -> bool:
        return not self._deaf

    def order(self, order: Order) -> None:
        self.orders.append(order)
