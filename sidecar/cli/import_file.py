"""``tollkeeper import``: a declarative file into the database."""

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from authsvc.audit import recording
from sidecar import logs
from sidecar.cli.transfer_progress import showing_progress
from sidecar.declarative.declaration import Declaration
from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.problems import DeclarationError, in_a_line
from sidecar.sealed_keys import FileKeyReader
from sidecar.settings import Log, Settings, load
from sidecar.transfer.conflicts import printable
from sidecar.transfer.database_access import deed_of, open_access
from sidecar.transfer.importing import carry_out, opened
from sidecar.transfer.plan import WRITE_ORDER, Plan, make_plan

_MOST = 64 * 2**20  # bytes: what the parser takes
_INVALID = 2  # exit code
_STDIN = "<stdin>"
_UNDERSTOOD = frozenset({"_info"})  # of decK; the rest of what it writes for itself has no effect
_TITLES = {"credentials": "keyauth_credentials"}  # as files call them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the user allows."""

    prune: bool
    dry_run: bool
    sure: bool
    may_be_asked: bool


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option("--prune", is_flag=True, help="Delete what is not in the file.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and write none of it.")
def import_file(
    file: BinaryIO, config: Path | None, *, prune: bool, yes: bool, dry_run: bool
) -> None:
    """Bring the database to what a declarative FILE says; - is standard input.

    FILE is YAML or JSON in Kong's format, as `deck gateway dump`, `kong config
    db_export` and `tollkeeper export` write it. All of it is checked before anything
    is written. What is there is changed only where the file differs; what is not in
    the file stays, unless --prune. An import that was interrupted is finished by
    running it again.
    """
    settings = load(config=config, environ=os.environ)
    logs.configure(Log(level="warning", format="text"), role="import", stream=sys.stderr)
    may_be_asked = getattr(file, "name", _STDIN) != _STDIN and sys.stdin.isatty()
    wish = _Wish(prune=prune, dry_run=dry_run, sure=yes, may_be_asked=may_be_asked)
    now = time.time()
    declaration = _read(file, settings, now)
    asyncio.run(_import(settings, declaration, wish, now=int(now)))


def _read(file: BinaryIO, settings: Settings, now: float) -> Declaration:
    content = file.read(_MOST + 1)
    keys = FileKeyReader(settings, has_keyring=True)
    try:
        declaration = parse_declaration(content, now=now, keys=keys, lenient=True)
    except DeclarationError as error:
        click.echo(f"tollkeeper: {in_a_line(error)}", err=True)
        click.get_current_context().exit(_INVALID)
    for name in declaration.left_out:
        click.echo(f"warning: {printable(name)}: left out, Tollkeeper has no such thing", err=True)
    for name in declaration.ignored:
        if name not in _UNDERSTOOD:
            click.echo(f"warning: {name}: ignored", err=True)
    return declaration


async def _import(settings: Settings, declaration: Declaration, wish: _Wish, *, now: int) -> None:
    async with open_access(settings) as access:
        declaration = opened(declaration, access.ring.sealer)
        async with access.database.snapshot() as rows:
            plan = await make_plan(
                declaration, rows, sealer=access.ring.sealer, now=now, prune=wish.prune
            )
        if not wish.dry_run:
            _get_consent(plan, wish)
            total = sum(len(each.puts) + each.deleted for each in plan.values())
            chain = await access.open_chain()
            with showing_progress(total) as progress, recording(deed_of("import"), chain):
                await carry_out(plan, access.database, ring=access.ring, progress=progress)
    _print_counts(plan, "would be " if wish.dry_run else "")


def _get_consent(plan: Plan, wish: _Wish) -> None:
    """Return if deletions are wanted.

    Raises:
        click.UsageError: Nobody can be asked.
        click.Abort: The answer was no.
    """
    counts = {name: each.deleted for name, each in plan.items() if each.deleted}
    if wish.sure or not counts:
        return
    told = ", ".join(f"{count} {_TITLES.get(name, name)}" for name, count in counts.items())
    if not wish.may_be_asked:
        raise click.UsageError(f"--prune would delete {told}, and what belongs to them: give --yes")
    click.confirm(f"Delete {told}, and what belongs to them?", abort=True, err=True)


def _print_counts(plan: Plan, prefix: str) -> None:
    for kind in WRITE_ORDER:
        each = plan[kind.name]
        counts = {
            "created": each.created,
            "updated": each.updated,
            "deleted": each.deleted,
            "unchanged": each.unchanged,
        }
        if any(counts.values()):
            told = ", ".join(
                f"{count} {word if word == 'unchanged' else prefix + word}"
                for word, count in counts.items()
            )
            click.echo(f"{_TITLES.get(kind.name, kind.name)}: {told}")
