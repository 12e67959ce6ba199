"""``tollkeeper acls``."""

import click

from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask, existing, path_of
from sidecar.cli.output import print_done, print_entity, print_rows

_COLUMNS = ("id", "consumer", "group", "tags", "created_at")


@click.group()
@admin_options
def acls() -> None:
    """The groups that consumers are in. A CONSUMER is given by id or username."""


@acls.command()
@admin_options
@click.argument("consumer")
@click.argument("group")
def create(consumer: str, group: str) -> None:
    """Put a consumer into a group."""
    path = path_of("consumers", consumer, "acls")
    print_entity(ask(lambda admin: admin.send("POST", path, {"group": group})))


@acls.command("list")
@admin_options
@click.argument("consumer", required=False)
def list_all(consumer: str | None) -> None:
    """List all memberships, or those of a consumer."""
    path = path_of("acls") if consumer is None else path_of("consumers", consumer, "acls")
    print_rows(ask(lambda admin: admin.rows(path)), _COLUMNS)


@acls.command()
@admin_options
@click.argument("consumer")
@click.argument("group")
def delete(consumer: str, group: str) -> None:
    """Take a consumer out of a group."""
    path = path_of("consumers", consumer, "acls", group)

    async def work(admin: AdminClient) -> None:
        await existing(admin, path, f"consumer {consumer} in a group {group}")
        await admin.send("DELETE", path)

    ask(work)
    print_done(f"took {consumer} out of {group}")
