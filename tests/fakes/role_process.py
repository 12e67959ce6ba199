"""A child process whose role does what the test says: ``python role_process.py DESCRIPTOR``.

It is the real ``sidecar.worker`` around a role that reads its part from ``<name>.json`` in the
data directory, anew at each start, and writes what happens to it into ``journal``, line by line.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sidecar.control import ChildSpec
from sidecar.declarative.editions import Declarations
from sidecar.errors import SettingsError
from sidecar.telemetry import Telemetry
from sidecar.worker import ORPHAN_SECONDS, main


class Journal:
    """What happened, in the order in which it happened, across processes."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal"

    def write(self, event: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{event}\n")

    def events(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


class ScriptedRole:
    def __init__(self, script: Mapping[str, object]) -> None:
        self._script = script
        self._asked = 0

    async def checks(self) -> Mapping[str, bool]:
        self._asked += 1
        if self._asked > self._script.get("hang_after", self._asked):
            time.sleep(3600)  # noqa: ASYNC251 - the fault that is played
        await asyncio.sleep(self._script.get("slow_checks", 0))
        return self._script.get("checks", {"fine": True})


async def follow(declarations: Declarations, name: str, journal: Journal) -> None:
    while True:
        await load(declarations, name, journal)


async def load(declarations: Declarations, name: str, journal: Journal) -> None:
    edition = await declarations.next()
    journal.write(f"{name} loads {edition.number}")
    declarations.applied(edition.number)


@asynccontextmanager
async def open_role(
    spec: ChildSpec, *, telemetry: Telemetry, declarations: Declarations | None = None
) -> AsyncIterator[ScriptedRole]:
    directory = Path(spec.settings.data_dir)
    journal = Journal(directory)
    part = directory / f"{spec.name}.json"
    script = json.loads(part.read_text()) if part.exists() else {}
    journal.write(f"{spec.name} starts {os.getpid()}")
    if "misconfigured" in script:
        raise SettingsError(script["misconfigured"])
    if "fault" in script:
        raise RuntimeError(script["fault"])
    if "exit" in script:
        os._exit(script["exit"])
    following = None
    if declarations is not None:
        await load(declarations, spec.name, journal)
        following = asyncio.create_task(follow(declarations, spec.name, journal))
    if "hang_start" in script:
        await asyncio.sleep(3600)
    telemetry.auth.checked(result="allow", reason="ok", transport="grpc", seconds=0.001)
    telemetry.auth.cached(credentials=7, unknown=0)
    telemetry.auth.flush()
    journal.write(f"{spec.name} serves {os.getpid()}")
    try:
        yield ScriptedRole(script)
    finally:
        if following is not None:
            following.cancel()
        journal.write(f"{spec.name} drains")
        await asyncio.sleep(script.get("drain_seconds", 0))
        journal.write(f"{spec.name} drained")


if __name__ == "__main__":
    limit = float(os.environ.get("ORPHAN_SECONDS", ORPHAN_SECONDS))
    sys.exit(main(sys.argv[1:], open_role=open_role, orphan_seconds=limit))
