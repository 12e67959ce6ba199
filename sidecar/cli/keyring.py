"""``tollkeeper keyring``: the data keys that credentials are sealed under.

A key is never an argument: it comes from a file.  ``recover`` and ``rewrap`` are for a ring that
the product cannot open, or soon shall not: they work on the database itself.
"""

import asyncio
from typing import Any, BinaryIO

import click

from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask
from sidecar.cli.output import print_done, print_entity, print_rows
from sidecar.cli.ring_files import recover, rewrap

_MAX_FILE = 65536  # bytes
_POLL_SECONDS = 1.0
_FILE = click.File("rb")
_KEY_ID = click.argument("key_id", metavar="ID")
_PRIVATE = click.option(
    "--private-key-file", type=_FILE, required=True, help="The recovery private key, as PEM."
)


@click.group()
@admin_options
def keyring() -> None:
    """What keys are sealed under: the keyring."""


@keyring.command()
@admin_options
def status() -> None:
    """List the keys of the ring, and which one seals."""
    ring = ask(lambda admin: admin.send("GET", "/keyring"))
    rows = [{"id": each, "active": each == ring.get("active")} for each in ring["ids"]]
    print_rows(rows, ("id", "active"))


@keyring.command()
@admin_options
def generate() -> None:
    """Make a key, and print it, this once. It seals only when it is activated."""
    print_entity(ask(lambda admin: admin.send("POST", "/keyring/generate", {})))


@keyring.command()
@admin_options
@_KEY_ID
def activate(key_id: str) -> None:
    """Let a key of the ring seal from now on."""
    ask(lambda admin: admin.send("POST", "/keyring/activate", {"key": key_id}))
    print_done(f"activated {key_id}")


@keyring.command()
@admin_options
@_KEY_ID
def remove(key_id: str) -> None:
    """Take a key off the ring, if nothing is sealed under it any more."""
    ask(lambda admin: admin.send("POST", "/keyring/remove", {"key": key_id}))
    print_done(f"removed {key_id}")


@keyring.command("import-raw")
@admin_options
@_KEY_ID
@click.option(
    "--key-file", type=_FILE, required=True, help="The key's 32 bytes in base64; - for stdin."
)
def import_raw(key_id: str, key_file: BinaryIO) -> None:
    """Put a key on the ring. It seals only when it is activated."""
    body = {"id": key_id, "data": _read(key_file)}
    ask(lambda admin: admin.send("POST", "/keyring/import/raw", body))
    print_done(f"imported {key_id}")


@keyring.command()
@admin_options
def export() -> None:
    """Print the whole ring, encrypted to the recovery public key."""
    click.echo(ask(lambda admin: admin.send("POST", "/keyring/export", {}))["data"])


@keyring.command("import")
@admin_options
@click.option("--file", "file", type=_FILE, required=True, help="What `export` printed.")
@_PRIVATE
def import_ring(file: BinaryIO, private_key_file: BinaryIO) -> None:
    """Put the keys of an exported ring on this one."""
    body = {"data": _read(file), "private_key": _read(private_key_file)}
    ask(lambda admin: admin.send("POST", "/keyring/import", body))
    print_done("imported the ring's keys")


@keyring.command()
@admin_options
@click.option("--wait", is_flag=True, help="Return when all rows are under the new key.")
@click.option("--index", is_flag=True, help="Exchange the key that rows are found by.")
def rotate(*, wait: bool, index: bool) -> None:
    """Let a new key seal, and bring every row under it.

    With --wait it fails where rows are left under the old key.
    """

    async def work(admin: AdminClient) -> dict[str, Any]:
        rotation = await admin.send(
            "POST", "/keyring/rotate", {"purpose": "index" if index else "data"}
        )
        while wait and rotation["status"] == "running":
            await asyncio.sleep(_POLL_SECONDS)
            rotation = await admin.send("GET", "/keyring/rotation")
            click.echo(f"{rotation['done']} of {rotation['total']} rows", err=True)
        return rotation

    ended = ask(work)
    print_entity(ended)
    if wait and ended["status"] != "done":
        raise click.ClickException(
            f"the rotation is {ended['status']}: {ended['failed']} rows do not open, "
            "or another key was activated meanwhile"
        )


@keyring.command()
@admin_options
def rotation() -> None:
    """Show how far the rotation is."""
    print_entity(ask(lambda admin: admin.send("GET", "/keyring/rotation")))


keyring.add_command(recover)
keyring.add_command(rewrap)


def _read(file: BinaryIO) -> str:
    content = file.read(_MAX_FILE + 1)
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise click.UsageError("the file does not hold a text") from None
    if not text or len(content) > _MAX_FILE:
        raise click.UsageError("the file is empty, or too long")
    return text
