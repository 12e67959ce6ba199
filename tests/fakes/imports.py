"""Imports and exports on a database of the test's, without processes and settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from authsvc.kinds import Kind
from authsvc.postgres import Database
from authsvc.sealing import Sealer
from sidecar.declarative.declaration import KeyReader, SealedKey
from sidecar.declarative.parser import parse_declaration
from sidecar.transfer.encrypted_keys import encrypted_text, is_encrypted
from sidecar.transfer.exporting import export_lines
from sidecar.transfer.importing import carry_out, opened
from sidecar.transfer.plan import KindPlan, Plan, make_plan

NOW = 1_700_000_000


@dataclass
class SteadyRing:
    """A ring that nobody changes."""

    sealer: Sealer
    refreshed: int = 0

    async def refresh(self) -> None:
        self.refreshed += 1


@dataclass
class Steps:
    """What was done, step by step."""

    taken: list[tuple[str, int]] = field(default_factory=list)

    def advance(self, label: str, done: int) -> None:
        self.taken.append((label, done))


def keys_as_they_are(text: str, *, transform: bool) -> str | SealedKey:
    """Read keys in clear, and leave encrypted ones so."""
    return SealedKey(text) if is_encrypted(text) else text


@dataclass
class Importer:
    """One who imports into a database, and exports from it."""

    database: Database
    sealer: Sealer
    keys: KeyReader = keys_as_they_are

    async def plan(self, text: str, *, prune: bool = False, now: float = NOW) -> Plan:
        declaration = parse_declaration(text, now=now, keys=self.keys, lenient=True)
        declaration = opened(declaration, self.sealer)
        async with self.database.snapshot() as rows:
            return await make_plan(declaration, rows, sealer=self.sealer, now=int(now), prune=prune)

    async def load(self, text: str, *, prune: bool = False, now: float = NOW) -> dict[str, str]:
        """Import a file; return what was done, as ``counts`` tells it."""
        plan = await self.plan(text, prune=prune, now=now)
        await carry_out(plan, self.database, ring=SteadyRing(self.sealer), progress=Steps())
        return counts(plan)

    async def dump(self, *, encrypted: bool = False, now: float = NOW) -> str:
        """Export everything."""

        def clear(credential: Any) -> str:
            return self.sealer.reveal(credential).reveal().decode()

        async with self.database.snapshot() as rows:
            parts = export_lines(
                rows,
                key_text=encrypted_text if encrypted else clear,
                transform=not encrypted,
                now=now,
            )
            return "".join(["".join(texts) async for _, texts in parts])

    async def all(self, kind: Kind[Any]) -> Sequence[Any]:
        """Return everything of a kind."""
        async with self.database.snapshot() as rows:
            return await rows.page(kind, size=1000)


def counts(plan: Plan) -> dict[str, str]:
    """Return what a plan does, by kind: ``created/updated/deleted/unchanged``."""

    def told(each: KindPlan) -> str:
        return f"{each.created}/{each.updated}/{each.deleted}/{each.unchanged}"

    return {name: told(each) for name, each in plan.items() if told(each) != "0/0/0/0"}
