"""What the settings of the keyring must be together, and the keys that they name.

Nothing here shows a value.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from authsvc.errors import RecoveryKeyError, RootKeyError
from authsvc.recovery_key import RecoveryKey
from authsvc.root_key import RootKey
from sidecar.secret import Secret
from sidecar.secret_file import read_secret
from sidecar.settings_fields import FIELDS, value_of
from sidecar.settings_model import RootKeySourceName, Settings

_ROOT_KEYS = {"file": "keyring.root_key_file", "environment": "keyring.root_key_base64"}
_VAULT = ("keyring.vault_url", "keyring.vault_token", "keyring.vault_path")
_NEEDED_BY_SOURCE: Mapping[RootKeySourceName, tuple[str, ...]] = {
    "file": (),
    "environment": ("keyring.root_key_base64",),
    "vault-kv": _VAULT,
    "vault-transit": (*_VAULT, "keyring.root_key_file"),
    "aws-kms": ("keyring.root_key_file",),
}
_SCHEMES = ("https", "http")
_URLS = ("keyring.vault_url", "keyring.aws_endpoint")


def read_root_key(settings: Settings) -> Secret | None:
    """Return the root key that the settings hold or name a file for, or None: they do neither.

    Raises:
        SettingsError: The file cannot be read, or does not hold a root key.
    """
    name = _ROOT_KEYS.get(settings.keyring.root_key_source)
    given = None if name is None else value_of(settings, name)
    if name is None or given is None:
        return None
    field = FIELDS[name]
    text = given if isinstance(given, Secret) else read_secret(str(given), name=field.label)
    try:
        RootKey.from_base64(text.reveal())
    except RootKeyError as error:
        raise field.error(str(error)) from None
    return text


def read_recovery_key(settings: Settings) -> RecoveryKey | None:
    """Return the public key to which the ring is kept encrypted, or None: it is not.

    Raises:
        SettingsError: The file cannot be read, or does not hold such a key.
    """
    path = settings.keyring.recovery_public_key_file
    field = FIELDS["keyring.recovery_public_key_file"]
    if path is None:
        return None
    text = read_secret(path, name=field.label)  # none, but read with the same care
    try:
        return RecoveryKey.from_pem(text.reveal())
    except RecoveryKeyError as error:
        raise field.error(str(error)) from None


def check_root_key(settings: Settings) -> None:
    """Refuse a keyring without what its source needs.

    Raises:
        SettingsError: Something is missing, or is no root key.
    """
    if settings.database.is_off:
        return  # what is in memory alone has a ring of the moment
    source = settings.keyring.root_key_source
    for name in _NEEDED_BY_SOURCE[source]:
        if value_of(settings, name) is None:
            raise FIELDS[name].error(f"is required where keyring.root_key_source is {source}")
    if read_root_key(settings) is None and source == "file" and not settings.database.embedded:
        raise FIELDS["keyring.root_key_file"].error("is required with a database of your own")


def check_recovery_key(settings: Settings) -> None:
    """Refuse a recovery key that is none.

    Raises:
        SettingsError: It is none.
    """
    read_recovery_key(settings)


def check_key_services(settings: Settings) -> None:
    """Refuse addresses at which no key service can be.

    Raises:
        SettingsError: One is no URL of http or https.
    """
    for name in _URLS:
        url = value_of(settings, name)
        if isinstance(url, str) and not _is_url(url):
            raise FIELDS[name].error("expected https://… or http://…")


def is_vault_in_clear(settings: Settings) -> bool:
    """Tell whether the root key travels in clear; the settings have been checked."""
    url = urlsplit(settings.keyring.vault_url or "")
    return url.scheme == "http" and url.hostname not in {"localhost", "127.0.0.1", "::1"}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is none
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.hostname)
