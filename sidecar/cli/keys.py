"""``tollkeeper keys``.

A key is never an argument: arguments are seen by every user of the machine, and stay in the
shell's history.  A table shows a key once, when it was created.
"""

import re
from typing import Any, BinaryIO

import click

from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask, existing, path_of
from sidecar.cli.key_input import read_key
from sidecar.cli.output import print_done, print_entity, print_rows
from sidecar.cli.seal import seal

_COLUMNS = ("id", "consumer", "ttl", "tags", "created_at")
_HINT = "key_hint"  # how keys begin: only where they are not shown, and are long enough for that
_NESTED = "key-auth-enc"
_ALL = "key-auths-enc"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _id(_: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _UUID.fullmatch(value):
        # The value is not repeated: it may be a key.
        raise click.BadParameter("expected the id of a key, a UUID", param=parameter)
    return value.lower()


_KEY_ID = click.argument("key_id", metavar="ID", callback=_id)
_PREFIXED = click.option(
    "--prefixed", is_flag=True, help="Generate it with a prefix and a checksum."
)


@click.group()
@admin_options
def keys() -> None:
    """What consumers call with: API keys. A CONSUMER is given by id or username."""


@keys.command()
@admin_options
@click.argument("consumer")
@click.option(
    "--key-file",
    type=click.File("rb"),
    help="The key is in this file, or - for standard input. [default: one is generated]",
)
@click.option("--ttl", type=click.IntRange(0, 100_000_000), help="Seconds until it expires.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--name", help="A name for people.")
@_PREFIXED
def create(
    consumer: str,
    key_file: BinaryIO | None,
    ttl: int | None,
    tags: tuple[str, ...],
    name: str | None,
    *,
    prefixed: bool,
) -> None:
    """Create a key for a consumer, and print it."""
    body: dict[str, Any] = {"key_format": "prefixed"} if prefixed else {}
    if name is not None:
        body["name"] = name
    if key_file is not None:
        body["key"] = read_key(key_file, name="--key-file")
    if ttl is not None:
        body["ttl"] = ttl
    if tags:
        body["tags"] = list(tags)
    path = path_of("consumers", consumer, _NESTED)
    print_entity(ask(lambda admin: admin.send("POST", path, body)))


@keys.command("list")
@admin_options
@click.argument("consumer", required=False)
def list_all(consumer: str | None) -> None:
    """List all keys, or those of a consumer. The keys themselves only with --output json."""
    path = path_of(_ALL) if consumer is None else path_of("consumers", consumer, _NESTED)
    rows = ask(lambda admin: admin.rows(path))
    has_hints = any(row.get(_HINT) for row in rows)
    print_rows(rows, (*_COLUMNS, _HINT) if has_hints else _COLUMNS)


@keys.command()
@admin_options
@_KEY_ID
def show(key_id: str) -> None:
    """Show one key. The key itself only with --output json."""
    print_entity(ask(lambda admin: _existing(admin, key_id)), without=("key",))


@keys.command()
@admin_options
@_KEY_ID
@click.option(
    "--overlap",
    type=click.IntRange(0, 100_000_000),
    default=0,
    show_default=True,
    help="Seconds for which the old key goes on.",
)
@_PREFIXED
def rotate(key_id: str, overlap: int, *, prefixed: bool) -> None:
    """Create a key in place of another, and print it."""
    body: dict[str, Any] = {"overlap": overlap}
    if prefixed:
        body["key_format"] = "prefixed"

    async def work(admin: AdminClient) -> dict[str, Any]:
        await _existing(admin, key_id)
        return await admin.send("POST", path_of(_ALL, key_id, "rotate"), body)

    print_entity(ask(work))


@keys.command()
@admin_options
@_KEY_ID
def enable(key_id: str) -> None:
    """Make a key valid again."""
    _switch(key_id, enabled=True)


@keys.command()
@admin_options
@_KEY_ID
def disable(key_id: str) -> None:
    """Make a key invalid, without deleting it, within two seconds."""
    _switch(key_id, enabled=False)


@keys.command()
@admin_options
@_KEY_ID
def delete(key_id: str) -> None:
    """Delete a key: it stops working within two seconds."""

    async def work(admin: AdminClient) -> None:
        await _existing(admin, key_id)
        await admin.send("DELETE", path_of(_ALL, key_id))

    ask(work)
    print_done(f"deleted key {key_id}")


def _switch(key_id: str, *, enabled: bool) -> None:
    async def work(admin: AdminClient) -> None:
        await _existing(admin, key_id)
        await admin.send("PATCH", path_of(_ALL, key_id), {"enabled": enabled})

    ask(work)
    print_done(f"{'enabled' if enabled else 'disabled'} key {key_id}")


async def _existing(admin: AdminClient, key_id: str) -> dict[str, Any]:
    return await existing(admin, path_of(_ALL, key_id), f"key {key_id}")


keys.add_command(seal)
