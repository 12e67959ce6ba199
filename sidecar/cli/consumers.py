"""``tollkeeper consumers``."""

from typing import Any

import click

from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask, existing, path_of
from sidecar.cli.output import print_done, print_entity, print_rows

_COLUMNS = ("id", "username", "custom_id", "tags", "created_at")
_TAG = click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")


@click.group()
@admin_options
def consumers() -> None:
    """Who may call: consumers. A CONSUMER is given by id or username."""


@consumers.command()
@admin_options
@click.argument("username", required=False)
@click.option("--custom-id", help="The consumer's id in a system of yours.")
@_TAG
def create(username: str | None, custom_id: str | None, tags: tuple[str, ...]) -> None:
    """Create a consumer."""
    if not username and not custom_id:
        raise click.UsageError("a consumer needs a USERNAME or a --custom-id")
    body = _body(username, custom_id, tags)
    print_entity(ask(lambda admin: admin.send("POST", "/consumers", body)))


@consumers.command("list")
@admin_options
def list_all() -> None:
    """List all consumers."""
    print_rows(ask(lambda admin: admin.rows("/consumers")), _COLUMNS)


@consumers.command()
@admin_options
@click.argument("consumer")
def show(consumer: str) -> None:
    """Show one consumer."""
    print_entity(ask(lambda admin: _existing(admin, consumer)))


@consumers.command()
@admin_options
@click.argument("consumer")
@click.option("--username", help='A new username; "" for none.')
@click.option("--custom-id", help='A new custom id; "" for none.')
@click.option("--tag", "tags", multiple=True, help='All tags from now on; "" for none.')
def update(
    consumer: str, username: str | None, custom_id: str | None, tags: tuple[str, ...]
) -> None:
    """Change a consumer; what is not given stays."""
    body = _body(username, custom_id, tags)
    if not body:
        raise click.UsageError("nothing to change: give --username, --custom-id or --tag")
    path = path_of("consumers", consumer)
    print_entity(ask(lambda admin: admin.send("PATCH", path, body)))


@consumers.command()
@admin_options
@click.argument("consumer")
def delete(consumer: str) -> None:
    """Delete a consumer and all its keys."""

    async def work(admin: AdminClient) -> None:
        found = await _existing(admin, consumer)
        await admin.send("DELETE", path_of("consumers", found["id"]))

    ask(work)
    print_done(f"deleted consumer {consumer}")


async def _existing(admin: AdminClient, consumer: str) -> dict[str, Any]:
    return await existing(admin, path_of("consumers", consumer), f"consumer {consumer}")


def _body(username: str | None, custom_id: str | None, tags: tuple[str, ...]) -> dict[str, Any]:
    """The fields that were given; an empty text means null, as in Kong's forms."""
    body: dict[str, Any] = {}
    if username is not None:
        body["username"] = username or None
    if custom_id is not None:
        body["custom_id"] = custom_id or None
    if tags:
        body["tags"] = [tag for tag in tags if tag] or None
    return body
