"""Metrics: what a process counts, and how the counts of all processes become one page.

A child of a supervisor writes its values into a file of its own in the metrics directory; the
supervisor reads all of them.  A process that is alone keeps them in memory.  Labels are from
small fixed sets: never a key, a consumer or a path.
"""

import struct
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.values import MultiProcessValue

from sidecar.admin_metrics import AdminCounters
from sidecar.auth_metrics import AuthCounters
from sidecar.declaration_metrics import DeclarationCounters

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_READ_ATTEMPTS = 3

C = TypeVar("C")


class Telemetry:
    """What the roles of one process count. Each role's metrics exist once somebody asks for them.

    (In a directory shared by processes, a gauge that nobody sets would count as a zero.)
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._others: dict[Callable[[CollectorRegistry], Any], Any] = {}

    @classmethod
    def alone(cls) -> "Telemetry":
        """Count in memory: this process is the only one."""
        return cls(_new_registry())

    @classmethod
    def of_child(cls, name: str) -> "Telemetry":
        """Count into the directory that ``DIRECTORY_VARIABLE`` has named since this process began.

        The files carry the child's name instead of its process id: a process that takes the place
        of a dead one counts on from there, and files do not pile up.
        """
        values.ValueClass = MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]  # the library is not
        return cls(_new_registry())

    @cached_property
    def auth(self) -> AuthCounters:
        """What authsvc counts."""
        return AuthCounters(self._registry)

    @cached_property
    def admin(self) -> AdminCounters:
        """What the Admin API counts."""
        return AdminCounters(self._registry)

    @cached_property
    def declarations(self) -> DeclarationCounters:
        """What a process counts that reads the declarative file by itself."""
        return DeclarationCounters(self._registry)

    def counting(self, kind: Callable[[CollectorRegistry], C]) -> C:
        """Return what counts in that way, the same each time.

        What analytics counts is asked for so: only who counts it imports it.
        """
        if kind not in self._others:
            self._others[kind] = kind(self._registry)
        counters: C = self._others[kind]
        return counters

    def page(self) -> bytes:
        """Return the metrics of this process, as Prometheus reads them."""
        return generate_latest(self._registry)


class ProcessCounters:
    """What the supervisor counts about its children, and the page of all processes' metrics."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._registry = _new_registry()
        self._up = Gauge(
            "tollkeeper_process_up",
            "Whether the process serves and has all it needs.",
            ("process",),
            registry=self._registry,
        )
        self._starts = Counter(
            "tollkeeper_process_starts",
            "How often the process was started.",
            ("process",),
            registry=self._registry,
        )

    @cached_property
    def declarations(self) -> DeclarationCounters:
        """What is counted where there is no database."""
        return DeclarationCounters(self._registry)

    def started(self, name: str) -> None:
        """Count the start of a child."""
        self._starts.labels(name).inc()

    def reported(self, name: str, *, ready: bool) -> None:
        """Note whether a child has all it needs."""
        self._up.labels(name).set(ready)

    def ended(self, name: str) -> None:
        """Forget what a child that is gone measured; what it counted stays."""
        self._up.labels(name).set(0)
        mark_process_dead(name, str(self._directory))  # type: ignore[no-untyped-call]  # as above

    def page(self) -> bytes:
        """Return the metrics of all processes. Reads files: not for the event loop."""
        children = _new_registry()
        MultiProcessCollector(children, path=str(self._directory))  # type: ignore[no-untyped-call]  # as above
        return _whole(lambda: generate_latest(children)) + generate_latest(self._registry)


def _new_registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library is not
    # a second series for each counter, which nobody asks for
    return CollectorRegistry()


def _whole(read: Callable[[], bytes]) -> bytes:
    """Read again if a file was only just being made."""
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read()
        except (struct.error, RuntimeError, FileNotFoundError):
            continue
    return read()
