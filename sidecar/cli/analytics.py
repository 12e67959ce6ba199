"""``tollkeeper analytics``."""

import click

from sidecar.cli.lazy import Entry, LazyGroup

_COMMANDS: dict[str, Entry] = {
    "tail": Entry("sidecar.cli.tail:tail", "Show events live, masked as they are delivered."),
}


@click.group(cls=LazyGroup, entries=_COMMANDS)
def analytics() -> None:
    """What becomes of events: how delivery goes, live events, and those that were rejected."""
