"""``tollkeeper run``."""

from pathlib import Path
from typing import get_args

import click

from sidecar.control import Role
from sidecar.lean_imports import import_lean

_ALL = "all"
_ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option(
    "--role",
    type=click.Choice([_ALL, *_ROLES]),
    default=_ALL,
    show_default=True,
    help="One role in this process, or all of them, supervised.",
)
def run(config: Path | None, role: str) -> None:
    """Run the product: authsvc, analytics and the Admin API.

    SIGTERM and Ctrl-C drain it; a second one ends it at once.
    """
    import_lean()
    from sidecar.cli.running import run_all, run_one  # noqa: PLC0415 - it comes lean first

    if role == _ALL:
        run_all(config)
    else:
        run_one(config, _ROLES[role])
