"""``tollkeeper analytics``."""

import click

from sidecar.cli.lazy import Entry, LazyGroup

_COMMANDS: dict[str, Entry] = {
    "status": Entry("sidecar.cli.status:status", "Show how delivery goes, for each plugin."),
    "tail": Entry("sidecar.cli.tail:tail", "Show events live, masked as they are delivered."),
    "replay": Entry("sidecar.cli.replay:replay_letters", "Send dead letters again."),
}


@click.group(cls=LazyGroup, entries=_COMMANDS)
def analytics() -> None:
    """What becomes of events: how delivery goes, live events, and those that were rejected."""
