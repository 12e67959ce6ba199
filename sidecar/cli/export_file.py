"""``tollkeeper export``: everything that the database holds, as a declarative file."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from authsvc.kinds import PLUGINS
from authsvc.sealed_key import SealingPublicKey
from authsvc.sealing import Sealer
from sidecar import logs
from sidecar.admin.plugin_configs import SECRET_FIELDS
from sidecar.cli.key_input import read_public_key
from sidecar.cli.transfer_progress import showing_progress
from sidecar.errors import SidecarError
from sidecar.private_file import replacing_private
from sidecar.settings import Log, Settings, load, reveals_keys
from sidecar.transfer.database_access import open_access
from sidecar.transfer.encrypted_keys import encrypted_text
from sidecar.transfer.exporting import KeyText, export_lines
from sidecar.transfer.plan import WRITE_ORDER, Rows, pages

_STDOUT = "-"


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default=_STDOUT)
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option("--encrypted", is_flag=True, help="Keep keys as the database has them.")
@click.option(
    "--sealed-with",
    type=click.File("rb"),
    metavar="PUBLIC_KEY_FILE",
    help="Seal keys, so that the file may lie in a repository.",
)
def export_file(
    file: str, config: Path | None, sealed_with: BinaryIO | None, *, encrypted: bool
) -> None:
    """Write all that the database holds as a declarative FILE of Kong's format.

    Without FILE, to standard output. A FILE is for its owner alone (0600), and takes
    the place of the one that is there when it is complete. Keys are in clear, where
    admin.reveal_keys allows that; --encrypted keeps them encrypted, so that they come
    back with the same keyring; --sealed-with seals them for a deployment.
    """
    if encrypted and sealed_with is not None:
        raise click.UsageError("give --encrypted or --sealed-with, not both")
    settings = load(config=config, environ=os.environ)
    logs.configure(Log(level="warning", format="text"), role="export", stream=sys.stderr)
    public = None if sealed_with is None else read_public_key(sealed_with, name="--sealed-with")
    if not encrypted and public is None and not reveals_keys(settings):
        raise click.UsageError(
            "admin.reveal_keys does not let keys be shown: give --encrypted or --sealed-with"
        )
    asyncio.run(_export(settings, file, public, encrypted=encrypted))


async def _export(
    settings: Settings, file: str, public: SealingPublicKey | None, *, encrypted: bool
) -> None:
    async with open_access(settings) as access, access.database.snapshot() as rows:
        if encrypted or public is not None:
            await _tell_secrets(rows)
        total = sum([await rows.count(kind) for kind in WRITE_ORDER])
        text = encrypted_text if encrypted else _shown_by(access.ring.sealer, public)
        parts = export_lines(rows, key_text=text, transform=not encrypted, now=time.time())
        with _opened(file) as target, showing_progress(total) as progress:
            async for label, texts in parts:
                target.write("".join(texts))
                progress.advance(label, len(texts) if label else 0)


async def _tell_secrets(rows: Rows) -> None:
    """Say what of a file, whose reader is not to see keys, he sees all the same."""
    async for page in pages(rows, PLUGINS):
        for plugin in page:
            for name in sorted(SECRET_FIELDS & plugin.config.keys()):
                click.echo(f"warning: {name} of the plugin {plugin.name} is in clear", err=True)


def _shown_by(sealer: Sealer, public: SealingPublicKey | None) -> KeyText:
    if public is None:
        return lambda credential: sealer.reveal(credential).reveal().decode()
    return lambda credential: public.seal(sealer.reveal(credential))


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == _STDOUT:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        with replacing_private(Path(file)) as target:
            yield target
    except OSError as error:
        raise SidecarError(f"{file}: {error.strerror}") from None
