"""The options of every command that asks the Admin API, on the group as on its commands.

What stands at the command wins over what stands at its group, and that over the environment.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click

from sidecar.admin_client import AdminClient, AdminRefusedError, open_admin
from sidecar.secret_file import read_secret
from sidecar.settings_fields import FIELDS
from sidecar.settings_sources import ADMIN_URL_VARIABLE
from sidecar.tls import client_context

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])

_DEFAULT_URL = "http://127.0.0.1:8001"
_TOKEN_VARIABLE = FIELDS["admin.token_file"].variable
_NOT_FOUND = 404


def admin_options(command: C) -> C:
    """Give a command or a group the options."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def output_format() -> str:
    """Return how the running command shall print: ``table`` or ``json``."""
    return str(_given("output") or "table")


def ask(question: Callable[[AdminClient], Awaitable[T]]) -> T:
    """Ask the Admin API that the options name.

    Raises:
        SidecarError: It cannot be reached, or answers with an error.
    """

    async def answer() -> T:
        async with open_admin(url, token=token, tls=tls) as admin:
            return await question(admin)

    url = _given("admin_url") or os.environ.get(ADMIN_URL_VARIABLE) or _DEFAULT_URL
    token_file = _given("token_file") or os.environ.get(_TOKEN_VARIABLE)
    token = read_secret(token_file, name="--token-file") if token_file else None
    ca_file, cert_file = _given("ca_file"), _given("client_cert_file")
    tls = client_context(ca_file=ca_file, cert_file=cert_file) if ca_file or cert_file else None
    return asyncio.run(answer())


async def existing(admin: AdminClient, path: str, what: str) -> dict[str, Any]:
    """Return what is there.

    Raises:
        AdminRefusedError: Nothing is there; the text says what is missing.
    """
    found = await admin.read(path)
    if found is None:
        raise AdminRefusedError(f"there is no {what}", status=_NOT_FOUND)
    return found


def path_of(*parts: str) -> str:
    """Return a path of the Admin API with names put in safely.

    Raises:
        click.BadParameter: A name cannot stand in a path.
    """
    if any(part in {"", ".", ".."} for part in parts):
        raise click.BadParameter("an empty name, . and .. name nothing")
    return "".join(f"/{quoted(part)}" for part in parts)


def quoted(text: str) -> str:
    """Return a text as a URL can hold it, as a part of its path or query.

    Raises:
        click.BadParameter: It is not UTF-8.
    """
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise click.BadParameter("what is not UTF-8 names nothing") from None


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    # A context's meta is shared with those within it: the command comes after its group.
    if value is not None:
        context.meta[f"{__name__}.{parameter.name}"] = value


def _given(name: str) -> str | None:
    value: str | None = click.get_current_context().meta.get(f"{__name__}.{name}")
    return value


_OPTIONS = (
    click.option(
        "--admin-url",
        expose_value=False,
        callback=_remember,
        help=f"Where the Admin API is.  [env: {ADMIN_URL_VARIABLE}; default: {_DEFAULT_URL}]",
    ),
    click.option(
        "--token-file",
        expose_value=False,
        callback=_remember,
        help=f"The file with its token, if it asks for one.  [env: {_TOKEN_VARIABLE}]",
    ),
    click.option(
        "--ca-file",
        expose_value=False,
        callback=_remember,
        help="Whom to trust, in PEM.  [default: whom this machine trusts]",
    ),
    click.option(
        "--client-cert-file",
        expose_value=False,
        callback=_remember,
        help="A certificate to show, with its key, in PEM.",
    ),
    click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        expose_value=False,
        callback=_remember,
        help="How to print.  [default: table]",
    ),
)
