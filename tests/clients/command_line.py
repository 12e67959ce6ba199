"""The command line, as a caller sees it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol


class Outcome(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Tollkeeper(Protocol):
    """Runs one command."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Awaitable[Outcome]: ...


Failed = Callable[[Outcome, int], str]
"""Checks that a command ended so, with one line on stderr and nothing else; returns it."""
