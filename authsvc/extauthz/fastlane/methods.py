"""What can be called: by which path, with how many messages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unary:
    """A method with one message each way; ``handle`` returns the answer, or what to await for it.

    It may raise ``CallError``.
    """

    handle: Callable[[bytes], bytes | Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """A method with any number of messages each way. It may raise ``CallError``."""

    handle: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


Methods = Mapping[bytes, Unary | Streaming]  # by path
