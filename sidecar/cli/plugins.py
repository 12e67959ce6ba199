"""``tollkeeper plugins``."""

import json
from typing import Any, TextIO

import click

from sidecar import strict_yaml
from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask, existing, path_of
from sidecar.cli.output import print_done, print_entity, print_rows

_COLUMNS = ("id", "name", "route", "service", "enabled", "created_at")


@click.group()
@admin_options
def plugins() -> None:
    """How requests are checked and reported: key-auth-enc, acl, moesif."""


@plugins.command()
@admin_options
@click.argument("name")
@click.option("--route", help="Only for this route, by id or name.")
@click.option("--service", help="Only for this service, by id or name.")
@click.option(
    "--config-file",
    type=click.File(encoding="utf-8"),
    help="Its configuration: a JSON or YAML file, or - for standard input.",
)
def create(name: str, route: str | None, service: str | None, config_file: TextIO | None) -> None:
    """Configure a plugin for a route, a service, or (neither) everything."""
    body: dict[str, Any] = {"name": name}
    if config_file is not None:
        body["config"] = _read_config(config_file)

    async def work(admin: AdminClient) -> dict[str, Any]:
        for kind, reference in (("route", route), ("service", service)):
            if reference is not None:
                path = path_of(f"{kind}s", reference)
                found = await existing(admin, path, f"{kind} {reference}")
                body[kind] = {"id": found["id"]}
        return await admin.send("POST", "/plugins", body)

    print_entity(ask(work), without=("config",))


@plugins.command("list")
@admin_options
def list_all() -> None:
    """List all plugins. Their configuration only with --output json."""
    print_rows(ask(lambda admin: admin.rows("/plugins")), _COLUMNS)


@plugins.command()
@admin_options
@click.argument("plugin_id", metavar="ID")
def delete(plugin_id: str) -> None:
    """Remove a plugin."""
    path = path_of("plugins", plugin_id)

    async def work(admin: AdminClient) -> None:
        await existing(admin, path, f"plugin {plugin_id}")
        await admin.send("DELETE", path)

    ask(work)
    print_done(f"deleted plugin {plugin_id}")


def _read_config(file: TextIO) -> dict[str, Any]:
    try:
        config = strict_yaml.parse(file)
    except UnicodeDecodeError:
        raise click.UsageError("--config-file: not a text") from None
    except ValueError as error:
        raise click.UsageError(f"--config-file: {error}") from None
    if not isinstance(config, dict):
        raise click.UsageError("--config-file: expected fields by name")
    try:
        json.dumps(config, allow_nan=False)
    except (TypeError, ValueError):
        raise click.UsageError(
            "--config-file: holds what JSON has no word for, such as a date: put texts in quotes"
        ) from None
    return config
