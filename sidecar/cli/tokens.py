"""``tollkeeper tokens``."""

from typing import Any

import click

from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask, existing, path_of
from sidecar.cli.output import print_done, print_entity, print_rows

_COLUMNS = ("id", "name", "role", "ttl", "tags", "created_at")


@click.group()
@admin_options
def tokens() -> None:
    """Who may administrate: tokens of the Admin API. A TOKEN is given by id or name."""


@tokens.command()
@admin_options
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "admin"]),
    default="viewer",
    show_default=True,
    help="What it is good for.",
)
@click.option("--ttl", type=click.IntRange(0, 100_000_000), help="Seconds until it expires.")
def create(name: str, role: str, ttl: int | None) -> None:
    """Create a token, and print it: it is shown this once."""
    body: dict[str, Any] = {"name": name, "role": role}
    if ttl is not None:
        body["ttl"] = ttl
    print_entity(ask(lambda admin: admin.send("POST", "/tokens", body)))


@tokens.command("list")
@admin_options
def list_all() -> None:
    """List all tokens, without the tokens themselves."""
    print_rows(ask(lambda admin: admin.rows("/tokens")), _COLUMNS)


@tokens.command()
@admin_options
@click.argument("token", metavar="TOKEN")
def delete(token: str) -> None:
    """Delete a token: it is refused from now on."""

    async def work(admin: AdminClient) -> None:
        found = await existing(admin, path_of("tokens", token), f"token {token}")
        await admin.send("DELETE", path_of("tokens", found["id"]))

    ask(work)
    print_done(f"deleted token {token}")
