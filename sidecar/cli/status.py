"""``tollkeeper analytics status``."""

import asyncio
import json
import os
from pathlib import Path

import aiohttp
import click

from sidecar.address import UnixAddress
from sidecar.cli.output import print_rows
from sidecar.delivery_report import read_report
from sidecar.errors import StartupError
from sidecar.settings import addresses, load

_COLUMNS = (
    "plugin",
    "waiting_events",
    "waiting_bytes",
    "spool_bytes",
    "spool_segments",
    "oldest_age_seconds",
    "breaker",
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
    """Show how delivery goes: what waits in memory and on disk, and what became of the rest."""
    url, path = (diagnostics_url, None) if diagnostics_url else _diagnostics(config)
    report = read_report(asyncio.run(_fetch(f"{url.rstrip('/')}/metrics", path)))
    if output == "json":
        click.echo(json.dumps(report, indent=2))
        return
    print_rows(report["deliveries"], _COLUMNS)
    for name, value in report["totals"].items():
        by_reason = isinstance(value, dict)
        shown = ", ".join(f"{n} {reason}" for reason, n in value.items()) if by_reason else value
        click.echo(f"{name.replace('_', ' ')}: {shown or 0}")


def _diagnostics(config: Path | None) -> tuple[str, str | None]:
    """Return the URL of the diagnostics, and the path of their socket if they are on one."""
    settings = load(config=config, environ=os.environ)
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
            page = await response.text()
            status = response.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StartupError(f"{url} cannot be reached: {type(error).__name__}") from None
    if status != _OK:
        raise StartupError(f"{url} answers {status}")
    return page
