"""``tollkeeper openapi``."""

import json

import click

from sidecar.cli.admin_options import admin_options, ask


@click.command()
@admin_options
def openapi() -> None:
    """Print the OpenAPI document of the Admin API, as JSON."""
    click.echo(json.dumps(ask(lambda admin: admin.send("GET", "/openapi.json")), indent=2))
