"""Asks the place that the settings name for the root key, once, before any role starts."""

from collections.abc import Callable, Mapping
from typing import Protocol

from authsvc.errors import RootKeyError
from authsvc.root_key import RootKey
from sidecar.errors import SettingsError
from sidecar.secret import Secret
from sidecar.secret_file import read_secret
from sidecar.settings import Settings, read_root_key
from sidecar.settings_model import Keyring, RootKeySourceName


class RootKeySource(Protocol):
    """A place that hands out the root key."""

    async def fetch(self) -> Secret:
        """Return the root key's base64 text.

        Raises:
            SettingsError: The place says no, or has no root key: asking again cannot help.
            StartupError: The place cannot be reached.
        """


class _Held:
    """What the settings hold already."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    async def fetch(self) -> Secret:
        return self._key


async def fetch_root_key(settings: Settings) -> Secret | None:
    """Return the root key's base64 text; None: the settings say nothing of one.

    Raises:
        SettingsError: There is none where they say, or it is none.
        StartupError: The place cannot be reached.
    """
    source = _choose(settings)
    if source is None:
        return None
    text = await source.fetch()
    try:
        RootKey.from_base64(text.reveal())
    except RootKeyError as error:
        name = settings.keyring.root_key_source
        raise SettingsError(f"keyring.root_key_source ({name}): {error}") from None
    return text


def _choose(settings: Settings) -> RootKeySource | None:
    make = _OUTSIDE.get(settings.keyring.root_key_source)
    if make is not None:
        return make(settings.keyring)
    held = read_root_key(settings)
    return None if held is None else _Held(held)


def _vault_kv(keyring: Keyring) -> RootKeySource:
    # Imported where it is chosen: the libraries belong to extras.
    from sidecar.root_key_sources.vault import VaultKv, VaultLogin  # noqa: PLC0415

    login = VaultLogin(_given(keyring.vault_url), _token(keyring))
    return VaultKv(
        login,
        mount=keyring.vault_mount or "secret",
        path=_given(keyring.vault_path),
        field=keyring.vault_field,
    )


def _vault_transit(keyring: Keyring) -> RootKeySource:
    from sidecar.root_key_sources.vault import VaultLogin, VaultTransit  # noqa: PLC0415 - as above

    login = VaultLogin(_given(keyring.vault_url), _token(keyring))
    return VaultTransit(
        login,
        mount=keyring.vault_mount or "transit",
        key=_given(keyring.vault_path),
        wrapped=_wrapped(keyring),
    )


def _aws_kms(keyring: Keyring) -> RootKeySource:
    from sidecar.root_key_sources.aws_kms import AwsKms  # noqa: PLC0415 - as above

    return AwsKms(
        wrapped=_wrapped(keyring), region=keyring.aws_region, endpoint=keyring.aws_endpoint
    )


def _wrapped(keyring: Keyring) -> str:
    """Return the encrypted root key. It is no secret, but stands where one usually does."""
    return read_secret(_given(keyring.root_key_file), name="keyring.root_key_file").reveal()


def _token(keyring: Keyring) -> Secret:
    if keyring.vault_token is None:
        raise SettingsError("keyring.vault_token is required")
    return keyring.vault_token


def _given(text: str | None) -> str:
    if text is None:
        raise SettingsError("keyring.root_key_source: not all that it needs is set")
    return text


_OUTSIDE: Mapping[RootKeySourceName, Callable[[Keyring], RootKeySource]] = {
    "vault-kv": _vault_kv,
    "vault-transit": _vault_transit,
    "aws-kms": _aws_kms,
}
