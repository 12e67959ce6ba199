"""``tollkeeper analytics status``."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import click

from sidecar.address import UnixAddress
from sidecar.cli.output import print_rows
from sidecar.delivery_report import read_report
from sidecar.errors import SettingsError, StartupError
from sidecar.instruction_report import read_instructions
from sidecar.settings import addresses, load
from sidecar.unreachable import NO_URLS, reason

_COLUMNS = (
    "plugin",
    "waiting_events",
    "waiting_bytes",
    "spool_bytes",
    "spool_segments",
    "oldest_age_seconds",
    "breaker",
)
_INSTRUCTION_COLUMNS = (
    "plugin",
    "document",
    "origin",
    "good_age_seconds",
    "in_force",
    "last_failure",
    "last_failure_age_seconds",
)
_TIMEOUT = aiohttp.ClientTimeout(total=10)  # seconds
_OK = 200


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option(
    "--diagnostics-url", metavar="URL", help="Where to ask.  [default: diagnostics.listen]"
)
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", help="How to print."
)
def status(*, config: Path | None, diagnostics_url: str | None, output: str) -> None:
    """Show how delivery goes, and which instructions of Moesif are gone by.

    That is what waits in memory and on disk, and what became of the rest; and how old the rates
    and rules in force are, where they are from, and when the collector was last asked in vain.
    """
    url, path = (diagnostics_url, None) if diagnostics_url else _diagnostics(config)
    page = asyncio.run(_fetch(f"{url.rstrip('/')}/metrics", path))
    try:
        report, instructions = read_report(page), read_instructions(page, now=time.time())
    except (KeyError, ValueError):
        raise StartupError(f"what answers at {url} are not Tollkeeper's diagnostics") from None
    if output == "json":
        click.echo(json.dumps(report | {"instructions": instructions}, indent=2))
        return
    print_rows(report["deliveries"], _COLUMNS)
    for name, value in report["totals"].items():
        by_reason = isinstance(value, dict)
        shown = ", ".join(f"{n} {reason}" for reason, n in value.items()) if by_reason else value
        click.echo(f"{name.replace('_', ' ')}: {shown or 0}")
    if instructions:
        click.echo()
        print_rows(
            [row | {"in_force": _in_force(row)} for row in instructions], _INSTRUCTION_COLUMNS
        )


def _in_force(row: Mapping[str, Any]) -> str | None:
    """Say in words what is in force of a document; None: this process cannot tell."""
    if row["rules"] is not None:
        return ", ".join(f"{number} {kind}" for kind, number in row["rules"].items())
    return None if row["sample_rate"] is None else f"{row['sample_rate']:g} % of all"


def _diagnostics(config: Path | None) -> tuple[str, str | None]:
    """Return the URL of the diagnostics, and the path of their socket if they are on one."""
    settings = load(config=config, environ=os.environ, opens_keys=False)
    address = addresses(settings).get("diagnostics.listen")
    if address is None:
        raise click.UsageError("diagnostics.listen is off: there is nobody to ask")
    if isinstance(address, UnixAddress):
        return "http://diagnostics", address.path
    return f"http://{address}", None


async def _fetch(url: str, path: str | None) -> str:
    connector = aiohttp.UnixConnector(path) if path else aiohttp.TCPConnector()
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            page = await response.text(errors="replace")
            status = response.status
    except NO_URLS as error:
        raise SettingsError(f"nothing can be at {url}: {reason(error)}") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StartupError(f"{url} cannot be reached: {reason(error)}") from None
    if status != _OK:
        raise StartupError(f"{url} answers {status}")
    return page
