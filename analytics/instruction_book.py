"""What Moesif wants, for all application ids that are configured: one follower for each."""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from analytics.application_id import ApplicationId
from analytics.backoff import Backoff, Pause, pause
from analytics.collector import DocumentSource, Target
from analytics.config import MoesifConfig
from analytics.instruction_follower import FollowSettings, InstructionFollower
from analytics.instruction_metrics import InstructionMetrics
from analytics.instruction_store import InstructionStore
from analytics.instructions import NEVER_TOLD, Instructions
from analytics.routing import ScopedConfig
from analytics.rules import RefusesHeader

_Key = tuple[ApplicationId, str]  # and the endpoint: another collector may say something else


class Followed(Protocol):
    """What is kept up to date in the background."""

    @property
    def current(self) -> Instructions:
        """What is in force now."""


class _Unfollowed:
    current = NEVER_TOLD


_UNFOLLOWED = _Unfollowed()


class InstructionBook:
    """Starts, adjusts and stops followers as the configuration changes; a context manager.

    Args:
        source: Whom to ask.
        metrics: Who counts.
        store: Keeps what was good for the next start; None: nothing is kept.
        refuses_header: Tells which headers no rule may set; None: this process enforces none, and
            follows configurations alone.
        backoff: How long to wait after failures.
        wait: How to wait.
    """

    def __init__(
        self,
        *,
        source: DocumentSource,
        metrics: InstructionMetrics,
        store: InstructionStore | None = None,
        refuses_header: RefusesHeader | None = None,
        backoff: Backoff | None = None,
        wait: Pause = pause,
    ) -> None:
        self._source = source
        self._metrics = metrics
        self._store = store
        self._refuses_header = refuses_header
        self._backoff = backoff or Backoff()
        self._wait = wait
        self._followers: dict[_Key, InstructionFollower] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for key in tuple(self._followers):
            self._stop(key)
        await asyncio.gather(*self._stopping)

    def configure(self, scopes: Iterable[ScopedConfig]) -> None:
        """Follow one collector for each application id of these; go on with those that stay."""
        wanted: dict[_Key, list[ScopedConfig]] = {}
        for scope in sorted(scopes, key=lambda scope: scope.breadth):
            if self._refuses_header is None or scope.config.enable_governance:
                wanted.setdefault(_key(scope.config), []).append(scope)
        for gone in self._followers.keys() - wanted.keys():
            self._stop(gone)
        self._rename({key: sharing[0].label for key, sharing in wanted.items()})
        for key, sharing in wanted.items():
            settings = self._settings(sharing)
            if key in self._followers:
                self._followers[key].adjust(settings)
            else:
                self._followers[key] = self._start(settings, sharing[0].label)

    def followed(self, config: MoesifConfig) -> Followed:
        """Return what tells, until the next ``configure``, what is in force for a configuration."""
        return self._followers.get(_key(config), _UNFOLLOWED)

    def instructions(self, config: MoesifConfig) -> Instructions:
        """Return what is in force now for a configuration; never waits."""
        return self.followed(config).current

    def notice(self, target: Target, tag: str) -> None:
        """Take note of the tag of its configuration that a collector has told."""
        follower = self._followers.get((target.application_id, target.endpoint))
        if follower is not None:
            follower.notice(tag)

    def _rename(self, labels: Mapping[_Key, str]) -> None:
        """Call followers by the broadest of the plugins that they are for now."""
        moved = {
            follower: labels[key]
            for key, follower in self._followers.items()
            if follower.name != labels[key]
        }
        for follower in moved:  # all before any: one may get the name that another had
            self._metrics.following(follower.name, None)
        for follower, label in moved.items():
            follower.rename(label)

    def _settings(self, sharing: list[ScopedConfig]) -> FollowSettings:
        """Return how to follow for scopes that share an application id; the broadest is first."""
        broadest = sharing[0].config
        return FollowSettings(
            target=Target(
                application_id=broadest.application_id,
                endpoint=broadest.api_endpoint,
                connect_timeout=broadest.connect_timeout / 1000,
                send_timeout=broadest.send_timeout / 1000,
            ),
            interval=min(scope.config.config_refresh_interval for scope in sharing) / 1000,
            wants_rules=self._refuses_header is not None,
        )

    def _start(self, settings: FollowSettings, name: str) -> InstructionFollower:
        follower = InstructionFollower(
            settings,
            name=name,
            source=self._source,
            store=self._store,
            metrics=self._metrics,
            refuses_header=self._refuses_header or _any_header,
            backoff=self._backoff,
            wait=self._wait,
        )
        follower.start()
        return follower

    def _stop(self, key: _Key) -> None:
        follower = self._followers.pop(key)
        follower.retire()  # now: what takes its place may go by the same name
        task = asyncio.create_task(follower.stop(), name="instructions-retiring")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)


def _key(config: MoesifConfig) -> _Key:
    return config.application_id, config.api_endpoint


def _any_header(_name: str) -> bool:
    return True
