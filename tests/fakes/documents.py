"""A source of Moesif's documents with a script, and a clock that runs as it is waited for."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import orjson

from analytics.collector import DocumentKind, Fetched, Target
from analytics.instruction_metrics import FetchOutcome, FollowStatus, RulingOutcome

CONFIG, RULES = DocumentKind.CONFIG, DocumentKind.RULES


def good(content: Any, **tags: Any) -> Fetched:
    """Return a good answer."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Fetched(200, body, **tags)


class ScriptedSource:
    """Answers each kind in turn; when the script is over, the questions wait for ever."""

    def __init__(self, **script: list[Fetched | Exception]) -> None:
        self.script = {kind: list(script.get(kind.value, [])) for kind in DocumentKind}
        self.asked: list[tuple[DocumentKind, float]] = []
        self.targets: list[Target] = []
        self.clock = Clock()
        self.is_over = False  # something was asked that the script has no answer to

    async def fetch(self, kind: DocumentKind, target: Target) -> Fetched:
        self.asked.append((kind, self.clock.now))
        self.targets.append(target)
        if not self.script[kind]:
            self.is_over = True
            await asyncio.Event().wait()
        answer = self.script[kind].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    """Seconds that pass when somebody waits for them."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, Callable[[], object]]] = []

    def plan(self, at: float, action: Callable[[], object]) -> None:
        """Let something happen at a time, or as soon after it as somebody waits."""
        self._planned.append((at, action))

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float, cut_short: asyncio.Event) -> None:
        await asyncio.sleep(0)
        if not cut_short.is_set():
            self.now += seconds
        for planned in [each for each in self._planned if each[0] <= self.now]:
            self._planned.remove(planned)
            planned[1]()


class CountingInstructions:
    """Counts like the real metrics, and can be asked."""

    def __init__(self) -> None:
        self.fetches: list[tuple[DocumentKind, FetchOutcome]] = []
        self.parts_ignored: dict[DocumentKind, int] = defaultdict(int)
        self.rulings: list[RulingOutcome] = []
        self.statuses: dict[str, list[FollowStatus | None]] = defaultdict(list)

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        self.fetches.append((kind, outcome))

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        self.parts_ignored[kind] += parts

    def ruled(self, outcome: RulingOutcome) -> None:
        self.rulings.append(outcome)

    def following(self, plugin: str, status: FollowStatus | None) -> None:
        self.statuses[plugin].append(status)
