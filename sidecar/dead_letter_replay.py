"""Sends dead letters again: what the collector once refused, and may take by now.

The events go as they are in the file, with the transaction ids that they had: the collector knows
by these what it has already, so that sending twice does no harm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import orjson

from analytics.collector import Answer, Collector, Target, outcome_of
from analytics.encoding import encode_batch
from analytics.errors import CollectorUnreachableError
from analytics.metrics import PostOutcome
from analytics.moesif import MoesifCollector
from sidecar.errors import StartupError

_BATCH = 50  # events
_REFUSED = frozenset({PostOutcome.REJECTED, PostOutcome.SPLIT})


class _Line(msgspec.Struct):
    event: msgspec.Raw
    plugin: str = "global"


@dataclass(frozen=True, slots=True)
class ReadLetter:
    """One line of a dead letter file.

    Attributes:
        plugin: The scope of the plugin whose event it is.
        event: The event, encoded.
        line: The line itself.
    """

    plugin: str
    event: bytes
    line: bytes


@dataclass(slots=True)
class Replay:
    """What became of letters so far; ``refused`` are those that were refused again."""

    sent: int = 0
    refused: list[ReadLetter] = field(default_factory=list)


def read_letters(path: Path) -> Iterator[ReadLetter]:
    """Yield the letters of a file.

    Raises:
        StartupError: It cannot be read, or has a line that is none. The text does not show it.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield _letter(line, number)
    except OSError as error:
        raise StartupError(f"the file cannot be read: {error.strerror}") from None


def _letter(line: bytes, number: int) -> ReadLetter:
    try:
        letter = msgspec.json.decode(line, type=_Line)
        # As it stands there: read and written anew, numbers of many digits would be others.
        event = bytes(letter.event)
        is_event = isinstance(orjson.loads(event), dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        is_event = False
    if not is_event:
        raise StartupError(f"line {number} is no dead letter")
    return ReadLetter(letter.plugin, event, line)


async def replay(letters: Sequence[ReadLetter], target: Target, result: Replay) -> None:
    """Send letters; note in the result what became of them.

    Raises:
        StartupError: The collector cannot be reached, or takes nothing now.
    """
    async with MoesifCollector() as collector:
        parts = [letters[start : start + _BATCH] for start in range(0, len(letters), _BATCH)]
        parts.reverse()
        while parts:
            part = parts.pop()
            outcome = await _send(part, target, collector)
            if outcome is PostOutcome.ACCEPTED:
                result.sent += len(part)
            elif outcome is PostOutcome.SPLIT and len(part) > 1:
                middle = (len(part) + 1) // 2
                parts += [part[middle:], part[:middle]]
            elif outcome in _REFUSED:
                result.refused += part


async def _send(part: Sequence[ReadLetter], target: Target, collector: Collector) -> PostOutcome:
    payload = encode_batch((letter.event for letter in part), compress=True)
    try:
        answer: Answer = await collector.send(payload, target)
    except CollectorUnreachableError:
        raise StartupError("the collector cannot be reached") from None
    outcome = outcome_of(answer)
    if outcome in {PostOutcome.RETRY, PostOutcome.REFUSED}:
        raise StartupError(f"the collector takes no events now: it answers {answer.status}")
    return outcome
