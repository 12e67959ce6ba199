"""``tollkeeper analytics replay``."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from analytics import config_checks
from analytics.application_id import MASK, ApplicationId
from analytics.collector import Target
from analytics.config_fields import parse_moesif_config
from analytics.errors import ConfigError
from analytics.routing import ScopedConfig
from sidecar.admin_client import AdminClient
from sidecar.cli.admin_options import admin_options, ask
from sidecar.dead_letter_replay import ReadLetter, Replay, read_letters, replay
from sidecar.secret import Secret
from sidecar.secret_file import read_secret

_VARIABLE = "MOESIF_APPLICATION_ID"
_ENDPOINT = "https://api.moesif.net"
_CONNECT_SECONDS = 5.0
_SEND_SECONDS = 30.0
_FAILED = 1  # exit code


def _endpoint(_: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    if url is not None and (wrong := config_checks.endpoint(url)):
        raise click.BadParameter(wrong, param=parameter)
    return url


@click.command("replay")
@admin_options
@click.argument(
    "file", metavar="DEADLETTER", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "--application-id-file",
    help=f"The file with the application id to send with.  [env: {_VARIABLE};"
    " default: that of the plugin, from the Admin API]",
)
@click.option(
    "--endpoint",
    callback=_endpoint,
    help=f"The collector.  [default: the plugin's, or {_ENDPOINT} with an id given]",
)
@click.pass_context
def replay_letters(
    context: click.Context, file: Path, application_id_file: str | None, endpoint: str | None
) -> None:
    """Send the events of a dead letter file again. The file stays as it is.

    What is refused once more is written to DEADLETTER.refused, and the exit code is 1.
    """
    letters = list(read_letters(file))
    given = _given_id(application_id_file)
    names = sorted({letter.plugin for letter in letters})
    if given is not None:
        targets = dict.fromkeys(names, _target(given, endpoint or _ENDPOINT))
    else:
        targets = _targets_of_plugins(names, endpoint)
    result = Replay()
    try:
        asyncio.run(_replay_all(letters, targets, result))
    finally:
        click.echo(f"sent {result.sent} of {len(letters)} events")
    if result.refused:
        refused = _write_refused(file, result.refused)
        click.echo(f"refused again: {len(result.refused)}, in {refused}", err=True)
        context.exit(_FAILED)


async def _replay_all(
    letters: Sequence[ReadLetter], targets: Mapping[str, Target], result: Replay
) -> None:
    for name, target in targets.items():
        own = [letter for letter in letters if letter.plugin == name]
        await replay(own, target, result)


def _given_id(path: str | None) -> ApplicationId | None:
    if path is not None:
        secret = read_secret(path, name="--application-id-file")
    elif os.environ.get(_VARIABLE):
        secret = Secret(os.environ[_VARIABLE].strip())
    else:
        return None
    try:
        return ApplicationId(secret.reveal())
    except ValueError:
        raise click.UsageError("the application id given cannot be one") from None


def _targets_of_plugins(names: Sequence[str], endpoint: str | None) -> dict[str, Target]:
    """Ask the Admin API where the events of each plugin go, by the plugin's scope."""

    async def plugins(admin: AdminClient) -> list[dict[str, Any]]:
        return await admin.rows("/plugins")

    found: dict[str, Target] = {}
    for plugin in ask(plugins) if names else []:
        if plugin["name"] == "moesif":
            scope = _scope(plugin)
            found[scope.label] = _target(
                scope.config.application_id, endpoint or scope.config.api_endpoint
            )
    missing = [name for name in names if name not in found]
    if missing:
        raise click.UsageError(
            f"there is no moesif plugin any more for: {', '.join(missing)};"
            " give its application id with --application-id-file"
        )
    return {name: found[name] for name in names}


def _scope(plugin: Mapping[str, Any]) -> ScopedConfig:
    if plugin["config"].get("application_id") == MASK:
        raise click.UsageError(
            "the Admin API shows the application id to admins only:"
            " use such a token, or --application-id-file"
        )
    known = {name: value for name, value in plugin["config"].items() if value is not None}
    try:
        config = parse_moesif_config(known)
    except ConfigError:
        raise click.UsageError(f"the plugin {plugin['id']} is not valid") from None
    route, service = plugin.get("route") or {}, plugin.get("service") or {}
    return ScopedConfig(config, route.get("id"), service.get("id"))


def _target(application_id: ApplicationId, endpoint: str) -> Target:
    return Target(
        application_id=application_id,
        endpoint=endpoint.rstrip("/"),
        connect_timeout=_CONNECT_SECONDS,
        send_timeout=_SEND_SECONDS,
    )


def _write_refused(file: Path, letters: Sequence[ReadLetter]) -> Path:
    path = file.with_name(f"{file.name}.refused")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as written:
        written.writelines(letter.line for letter in letters)
    return path
