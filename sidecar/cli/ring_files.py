"""``tollkeeper keyring recover`` and ``rewrap``: what is done to a ring without the product.

Both write the whole ring in one transaction.  Nothing else of the database is touched.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from authsvc.ring_recovery import Recovered
from sidecar import logs
from sidecar.cli.output import print_done
from sidecar.errors import StartupError
from sidecar.ring_repair import recover_ring, rewrap_ring
from sidecar.secret_file import read_secret
from sidecar.settings import Log, Settings, load

T = TypeVar("T")

_CONFIG = click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")


@click.command()
@_CONFIG
@click.option(
    "--private-key-file", required=True, type=click.Path(), help="The recovery private key, PEM."
)
def recover(config: Path | None, private_key_file: str) -> None:
    """Bring the ring back under the root key of the settings.

    For when the root key is lost. The processes of the product have to be started again.
    """
    private_key = read_secret(private_key_file, name="--private-key-file")
    back: Recovered = _run(config, lambda settings: recover_ring(settings, private_key))
    if back.not_recovered:
        raise StartupError(f"keys that did not come back: {', '.join(back.not_recovered)}")
    print_done(f"recovered {', '.join(back.recovered)}")


@click.command()
@_CONFIG
@click.option("--new-root-key-file", required=True, type=click.Path(), help="32 bytes, in base64.")
def rewrap(config: Path | None, new_root_key_file: str) -> None:
    """Wrap the ring with a new root key; the one of the settings opens it no more.

    Then put the new file in the old one's place, and start the product again.
    """
    new = read_secret(new_root_key_file, name="--new-root-key-file")
    count: int = _run(config, lambda settings: rewrap_ring(settings, new))
    print_done(f"wrapped {count} keys with the new root key")


def _run(config: Path | None, work: Callable[[Settings], Awaitable[T]]) -> T:
    settings = load(config=config, environ=os.environ)
    logs.configure(Log(level="warning", format="text"), role="keyring", stream=sys.stderr)

    async def run() -> T:
        return await work(settings)

    return asyncio.run(run())
