"""``tollkeeper config check`` and ``config show``."""

import os
from pathlib import Path

import click

from sidecar.sealed_keys import read_private_keys
from sidecar.settings import Settings, load, redacted, warnings

_CONFIG = click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")


@click.group()
def config() -> None:
    """Check or show the settings: defaults < YAML file < environment."""


@config.command()
@_CONFIG
def check(config: Path | None) -> None:
    """Check the settings, and the files that they name; change nothing, connect to nothing."""
    settings = _load(config)
    read_private_keys(settings)  # the one file that others read only when they need it
    if settings.database.is_off:
        # Imported here: the schemas of all entities, which no other settings need.
        from sidecar.declarative.file import declarative_file, read_first  # noqa: PLC0415

        read_first(declarative_file(settings))
    click.echo("the settings are valid")


@config.command()
@_CONFIG
def show(config: Path | None) -> None:
    """Print the settings in effect as YAML, secrets masked."""
    click.echo(redacted(_load(config)), nl=False)


def _load(path: Path | None) -> Settings:
    settings = load(config=path, environ=os.environ)
    for warning in warnings(settings):
        click.echo(f"warning: {warning}", err=True)
    return settings
