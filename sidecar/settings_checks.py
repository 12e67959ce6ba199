"""What settings must be together: the rules that no single type can say.

``check`` refuses what cannot work or would not be safe; ``warnings`` tells what works but should
not stay so.  Neither shows a value.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from authsvc.errors import PolicyError
from authsvc.policy import parse_key_auth
from sidecar.address import Address, TcpAddress, UnixAddress, is_loopback, parse_address
from sidecar.errors import SettingsError
from sidecar.keyring_checks import (
    check_key_services,
    check_recovery_key,
    check_root_key,
    is_vault_in_clear,
)
from sidecar.root_key_file import NAME as GENERATED
from sidecar.secret import Secret
from sidecar.secret_file import is_open_to_others, read_secret
from sidecar.settings_fields import FIELDS, value_of
from sidecar.settings_model import Settings
from sidecar.strict_yaml import shown_name
from sidecar.tls import admin_tls, authsvc_tls

MIN_TOKEN_LENGTH = 16  # characters
MIN_SPOOL = 1024 * 1024  # bytes
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.IGNORECASE)  # never * or null
_SECRET_FILES = (
    "keyring.root_key_file",
    "keyring.declarative_private_key_file",
    "authsvc.tls.key_file",
    "admin.token_file",
    "admin.tls.key_file",
)
_SCHEMES = ("postgresql", "postgres")


def check(settings: Settings, *, opens_keys: bool = True) -> None:
    """Hold the settings against every rule; not those of the root key, if no key is to be opened.

    Raises:
        SettingsError: The first that is broken.
    """
    for rule in _RULES:
        if opens_keys or rule is not check_root_key:
            rule(settings)


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what an operator should mend, one line each."""
    for name in _SECRET_FILES:
        path = value_of(settings, name)
        if isinstance(path, str) and is_open_to_others(path):
            yield f"{name}: the file is open to other users; make it 0600"
    if is_open_to_others(str(Path(settings.data_dir) / GENERATED)):
        yield f"data_dir: {GENERATED} in it is open to other users; make it 0600"
    if is_vault_in_clear(settings):
        yield "keyring.vault_url: the root key travels in clear; use https"
    if settings.declarative_config and not settings.database.is_off:
        yield 'declarative_config has no effect unless database.url is "off"'


def addresses(settings: Settings) -> dict[str, Address]:
    """Return the addresses to listen on, by full setting name; those that are off are left out.

    Raises:
        SettingsError: One of them is not an address.
    """
    found: dict[str, Address] = {}
    for name in _LISTENERS:
        text = value_of(settings, name)
        if isinstance(text, str):
            try:
                found[name] = parse_address(text)
            except ValueError as error:
                raise FIELDS[name].error(str(error)) from None
    return found


_LISTENERS = (
    "authsvc.grpc",
    "authsvc.http",
    "analytics.grpc",
    "admin.listen",
    "diagnostics.listen",
)


def _check_addresses(settings: Settings) -> None:
    seen: dict[Address, str] = {}
    for name, address in addresses(settings).items():
        if isinstance(address, TcpAddress) and address.port == 0:
            continue
        if address in seen:
            raise FIELDS[name].error(f"is the same address as {seen[address]}")
        seen[address] = name


def _check_workers(settings: Settings) -> None:
    if settings.authsvc.workers == 1:
        return
    for name in ("authsvc.grpc", "authsvc.http"):
        match addresses(settings).get(name):
            case UnixAddress():
                problem = f"more than one process cannot share a unix socket ({name})"
            case TcpAddress(port=0):
                problem = f"more than one process needs a fixed port ({name})"
            case _:
                continue
        raise FIELDS["authsvc.workers"].error(problem)


def _check_database(settings: Settings) -> None:
    url, field = settings.database.url, FIELDS["database.url"]
    if url is None:
        return
    if settings.database.is_off:
        if settings.declarative_config is None:
            raise FIELDS["declarative_config"].error('is required where database.url is "off"')
        return
    try:
        parts = urlsplit(url.reveal())
        _ = parts.port  # raises if it is none
    except ValueError:
        raise field.error("is not a valid address of a database") from None
    if parts.scheme not in _SCHEMES:
        raise field.error('expected postgresql://…, null or "off"')


def read_token(settings: Settings) -> Secret | None:
    """Return the Admin API's token, or None: it asks for none.

    Raises:
        SettingsError: The file cannot be read, or its token is too short to be safe, or none.
    """
    path, field = settings.admin.token_file, FIELDS["admin.token_file"]
    if path is None:
        return None
    token = read_secret(path, name=field.label)
    if len(token.reveal()) < MIN_TOKEN_LENGTH:
        raise field.error(f"the token needs at least {MIN_TOKEN_LENGTH} characters")
    if not token.reveal().isprintable():
        raise field.error("the token must be one line of printable characters")
    return token


def reveals_keys(settings: Settings) -> bool:
    """Tell whether the Admin API shows stored keys again."""
    if settings.admin.reveal_keys is not None:
        return settings.admin.reveal_keys
    listen = addresses(settings).get("admin.listen")
    return listen is not None and is_loopback(listen)


def _check_token(settings: Settings) -> None:
    listen = addresses(settings).get("admin.listen")
    if read_token(settings) is None and listen is not None and not is_loopback(listen):
        raise FIELDS["admin.token_file"].error("is required unless admin.listen is on loopback")


def _check_tls(settings: Settings) -> None:
    admin_tls(settings.admin.tls)
    if authsvc_tls(settings.authsvc.tls) is not None and settings.authsvc.transport == "grpcio":
        raise SettingsError("authsvc.tls: needs fastlane as authsvc.transport")


def _check_age(settings: Settings) -> None:
    if settings.authsvc.max_connection_age and settings.authsvc.transport == "grpcio":
        field = FIELDS["authsvc.max_connection_age"]
        raise field.error("needs fastlane as authsvc.transport")


def _check_origins(settings: Settings) -> None:
    for origin in settings.admin.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            raise FIELDS["admin.cors_origins"].error("expected origins such as https://host:port")


def _check_default_plugin(settings: Settings) -> None:
    config = settings.authsvc.default_plugin
    try:
        parse_key_auth(config or {})
    except PolicyError as error:
        name, why = next(iter(error.fields.items()))
        while isinstance(why, list | tuple):  # one entry an element, null where it is right
            why = next(filter(None, why))
        if isinstance(why, dict):  # of a record, one entry a member
            why = "; ".join(f"{shown_name(member)}: {each}" for member, each in why.items())
        shown = shown_name(name)
        text = _without_values(str(why), (config or {}).get(name))
        raise SettingsError(f"{FIELDS['authsvc.default_plugin'].name}.{shown}: {text}") from None


def _check_spool(settings: Settings) -> None:
    if 0 < settings.analytics.spool_max_bytes < MIN_SPOOL:
        raise FIELDS["analytics.spool_max_bytes"].error(f"expected {MIN_SPOOL} or more, or 0")


def _without_values(text: str, value: object) -> str:
    """Take the values out of a message that quotes them."""
    for each in value if isinstance(value, list) else [value]:
        text = text.replace(f" '{each}'", "")
    return text


_RULES: tuple[Callable[[Settings], None], ...] = (
    _check_addresses,
    _check_workers,
    _check_database,
    check_root_key,
    check_recovery_key,
    check_key_services,
    _check_token,
    _check_origins,
    _check_tls,
    _check_age,
    _check_default_plugin,
    _check_spool,
)
