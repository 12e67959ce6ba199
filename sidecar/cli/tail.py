"""``tollkeeper analytics tail``: events as they are made, while they are made.

On a terminal a table that grows; otherwise a line for each event; with ``--json`` the event.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from analytics.tail import Wanted
from analytics.tail_socket import reachable
from sidecar.event_lines import EventTable, line_of
from sidecar.live_tail import tail_path
from sidecar.settings import load

_Print = Callable[[bytes], None]


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings: a YAML file.")
@click.option("--consumer", metavar="NAME", help="Of one consumer or user: id, name or custom id.")
@click.option("--status", metavar="STATUS", help="With a status, or a class of them such as 4xx.")
@click.option("--route", metavar="ROUTE", help="Of one route, by id or name as events have it.")
@click.option("--json", "as_json", is_flag=True, help="Print events as they are delivered.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
def tail(
    *,
    config: Path | None,
    consumer: str | None,
    status: str | None,
    route: str | None,
    as_json: bool,
    count: int | None,
) -> None:
    """Show events live, masked as they are delivered, until Ctrl-C.

    Asks the analytics process that has the same data_dir, on this machine or in this container.
    """
    wanted = _wanted(consumer=consumer, status=status, route=route)
    path = tail_path(load(config=config, environ=os.environ, opens_keys=False))
    show = _printer(as_json=as_json)
    left = count
    with _connect(path) as connection:
        try:
            for line in _lines(connection, wanted):
                if not _is_notice(line):
                    show(line)
                    left = left and left - 1
                if left == 0:
                    return
        except KeyboardInterrupt:
            return
    raise click.ClickException("analytics has ended")


def _wanted(**given: str | None) -> bytes:
    """Return what to ask for."""
    try:
        chosen = {name: value for name, value in given.items() if value}
        return msgspec.json.encode(msgspec.convert(chosen, Wanted))
    except UnicodeEncodeError:
        raise click.BadParameter("what is not UTF-8 is in no event") from None
    except msgspec.ValidationError as error:
        name = str(error).rpartition("`$.")[2].rstrip("`")
        raise click.BadParameter(
            "not a status such as 404 or 4xx", param_hint=f"--{name}"
        ) from None


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            connection.connect(name)
    except OSError as error:
        connection.close()
        raise click.ClickException(
            f"no analytics process shows events at {path} ({error.strerror}): "
            "is it running, with this data_dir?"
        ) from None
    return connection


def _lines(connection: socket.socket, wanted: bytes) -> Iterator[bytes]:
    connection.sendall(wanted + b"\n")
    stream: BinaryIO
    with connection.makefile("rb") as stream:
        yield from stream


def _is_notice(line: bytes) -> bool:
    """Tell whether a line is about the stream itself, and say what it says."""
    if line.startswith(b'{"missed":'):
        click.echo(f"{msgspec.json.decode(line)['missed']} events were too fast to show", err=True)
        return True
    if line.startswith(b'{"error":'):
        raise click.ClickException(msgspec.json.decode(line)["error"])
    return False


def _printer(*, as_json: bool) -> _Print:
    is_terminal = sys.stdout.isatty()
    if as_json and is_terminal:
        # In ASCII: some characters beyond it move a terminal's cursor.
        return lambda line: click.echo(json.dumps(_event(line)))
    if as_json:
        return lambda line: click.echo(line, nl=False)
    if is_terminal:
        table = EventTable()
        return lambda line: table.add(_event(line))
    return lambda line: click.echo(line_of(_event(line)))


def _event(line: bytes) -> Mapping[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(line)
    return event
