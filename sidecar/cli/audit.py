"""``tollkeeper audit``."""

import click

from sidecar.cli.admin_options import admin_options, ask, quoted
from sidecar.cli.output import print_done, print_entity, print_rows

_COLUMNS = (
    *("seq", "at", "who", "role", "source", "method", "route", "refused", "times", "entities"),
)
_BROKEN = 1  # exit code


@click.group()
@admin_options
def audit() -> None:
    """Who changed what, when, and from where."""


@audit.command("list")
@admin_options
def list_all() -> None:
    """List all entries, oldest first."""
    print_rows(ask(lambda admin: admin.rows("/audit")), _COLUMNS)


@audit.command()
@admin_options
@click.option("--head", help="A head that an earlier run printed: it must still be in the log.")
@click.pass_context
def verify(context: click.Context, head: str | None) -> None:
    """Tell whether the log is as it was written; if not, exit with 1.

    Keep the head that is printed, away from the database: with --head, the next run also tells
    whether the newest entries were removed since.
    """
    query = f"?head={quoted(head)}" if head else ""
    verdict = ask(lambda admin: admin.send("GET", f"/audit/verify{query}"))
    print_entity(verdict)
    if not verdict["intact"]:
        print_done(f"entry {verdict['broken']} is missing, or not as it was written")
        context.exit(_BROKEN)
