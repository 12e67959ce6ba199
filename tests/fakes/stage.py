"""A supervisor over processes that play a part; ``stage.py DIRECTORY NAME…`` is one to kill."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from msgspec import structs

from sidecar.control import ChildSpec, Role
from sidecar.declarative.registrar import Registrar
from sidecar.keeper import Pace
from sidecar.metrics_directory import open_directory
from sidecar.secret import Secret
from sidecar.settings import DB_LESS, Database, Settings
from sidecar.supervisor import Supervisor, supervise
from sidecar.telemetry import ProcessCounters
from tests.deadline import eventually
from tests.fakes import role_process
from tests.fakes.role_process import Journal

QUICK = Pace(first_pause=0.05, longest_pause=0.2)
COMMAND = (sys.executable, str(role_process.__file__))


class Stage:
    """A supervisor over processes that play a part."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal = Journal(directory)
        self.supervisor: Supervisor
        self.counters: ProcessCounters

    def play(self, name: str, **script: object) -> None:
        """Say what the process of this name does from its next start on."""
        (self.directory / f"{name}.json").write_text(json.dumps(script))

    @asynccontextmanager
    async def raised(
        self, *names: str, declared: Registrar | None = None
    ) -> AsyncIterator[Supervisor]:
        """Supervise processes of these names, on a database or on what is declared."""
        with open_directory(self.directory) as metrics:
            self.counters = ProcessCounters(metrics)
            specs = [spec_of(name, self.directory, metrics) for name in names]
            if declared is not None:
                off = Database(url=Secret(DB_LESS))
                specs = [
                    structs.replace(spec, settings=structs.replace(spec.settings, database=off))
                    for spec in specs
                ]
            async with supervise(
                specs, counters=self.counters, command=COMMAND, pace=QUICK, declared=declared
            ) as self.supervisor:
                yield self.supervisor

    def pids(self, name: str) -> list[int]:
        """The process ids of all who served under this name, the newest last."""
        lines = [line.split() for line in self.journal.events()]
        return [int(line[2]) for line in lines if line[:2] == [name, "serves"]]

    async def serves(self, *names: str) -> None:
        """Wait until all of these report that they serve."""

        def all_serve() -> bool:
            ok = {check.name for check in self.supervisor.checks() if check.ok}
            return all(f"{name}.responsive" in ok for name in names)

        await eventually(all_serve, f"{names} to serve")


def spec_of(name: str, data_dir: Path, metrics: Path | None = None) -> ChildSpec:
    """Return what a process of this name is told."""
    role, _, worker = name.rpartition("-")
    return ChildSpec(
        role=next(each for each in get_args(Role) if each == role),
        worker=int(worker),
        settings=Settings(data_dir=str(data_dir)),
        database_url=Secret("postgresql://user:canary@host/db"),
        root_key=Secret("canary"),
        metrics_dir=str(metrics) if metrics else None,
    )


async def _stay(directory: Path, *names: str) -> None:
    async with Stage(directory).raised(*names):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_stay(Path(sys.argv[1]), *sys.argv[2:]))
