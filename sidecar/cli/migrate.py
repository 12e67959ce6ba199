"""``tollkeeper migrate``."""

import asyncio
import os
import sys
from pathlib import Path

import click

from sidecar import logs
from sidecar.settings import Log, Settings, load
from sidecar.startup import bring_up_to_date, open_database


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
def migrate(config: Path | None) -> None:
    """Bring the database's schema up to date.

    Any number of these may run at once; `run` does it too, unless database.migrate is false.
    """
    settings = load(config=config, environ=os.environ, opens_keys=False)
    # Standard output is for the result.
    quiet = Log(level="warning", format="text")
    logs.configure(quiet, role="migrate", stream=sys.stderr)
    applied = asyncio.run(_migrate(settings))
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("the schema is up to date")


async def _migrate(settings: Settings) -> list[str]:
    async with open_database(settings) as url:
        return await bring_up_to_date(url)
