"""HashiCorp Vault and OpenBao: a root key kept there (KV version 2), or encrypted there (transit).

With transit the encrypted root key is in a file (``vault write -f
transit/datakey/wrapped/NAME`` makes one), and Vault decrypts it at each start.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from sidecar.errors import SettingsError, StartupError
from sidecar.secret import Secret

try:
    import hvac  # type: ignore[import-untyped]  # ships no types; what we call is two functions
except ImportError:
    raise SettingsError(
        "keyring.root_key_source: a vault needs the extra: pip install 'tollkeeper[vault]'"
    ) from None

T = TypeVar("T")

_SECONDS = 10  # for each call


@dataclass(frozen=True, slots=True)
class VaultLogin:
    """Where a vault is, and what it lets us in by."""

    url: str
    token: Secret


class VaultKv:
    """A ``RootKeySource``: the field of a secret, version 2 of the KV engine, newest version."""

    def __init__(self, login: VaultLogin, *, mount: str, path: str, field: str) -> None:
        self._login = login
        self._mount = mount
        self._path = path
        self._field = field

    async def fetch(self) -> Secret:
        """Return the field."""
        return await _ask(self._login, self._read)

    def _read(self, client: Any) -> Secret:
        answer = client.secrets.kv.v2.read_secret_version(
            self._path, mount_point=self._mount, raise_on_deleted_version=True
        )
        value = answer["data"]["data"].get(self._field)
        if not isinstance(value, str):
            raise SettingsError("keyring.vault_field: the secret has no such field with a text")
        return Secret(value)


class VaultTransit:
    """A ``RootKeySource``: the root key that a transit key has encrypted."""

    def __init__(self, login: VaultLogin, *, mount: str, key: str, wrapped: str) -> None:
        self._login = login
        self._mount = mount
        self._key = key
        self._wrapped = wrapped

    async def fetch(self) -> Secret:
        """Return what the file decrypts to."""
        return await _ask(self._login, self._decrypt)

    def _decrypt(self, client: Any) -> Secret:
        answer = client.secrets.transit.decrypt_data(
            self._key, ciphertext=self._wrapped, mount_point=self._mount
        )
        return Secret(str(answer["data"]["plaintext"]))


async def _ask(login: VaultLogin, question: Callable[[Any], T]) -> T:
    """Ask in a thread: the library blocks.

    Raises:
        SettingsError: The vault says no.
        StartupError: It cannot be reached, or is sealed or broken.
    """
    return await asyncio.to_thread(_answer, login, question)


def _answer(login: VaultLogin, question: Callable[[Any], T]) -> T:
    with requests.Session() as session:
        session.hooks["response"].append(_refuse_redirect)
        client = hvac.Client(
            url=login.url,
            token=login.token.reveal(),
            timeout=_SECONDS,
            session=session,
            # On a redirect the library would take the token along, to whatever host.
            allow_redirects=False,
        )
        try:
            return question(client)
        except (hvac.exceptions.InvalidRequest, hvac.exceptions.InvalidPath):
            raise SettingsError(
                "keyring.vault_path: the vault has nothing there that it could hand out"
            ) from None
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized):
            raise SettingsError("keyring.vault_token: the vault refuses it") from None
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            # Not its text: it may quote the request, and with it the token.
            raise StartupError(
                f"keyring.vault_url: the vault does not answer ({type(error).__name__})"
            ) from None
        except (KeyError, TypeError, AttributeError):
            raise StartupError(
                "keyring.vault_url: what answers there is no vault of this kind"
            ) from None


def _refuse_redirect(response: requests.Response, **_options: object) -> None:
    if response.is_redirect:
        response.close()
        raise StartupError(
            "keyring.vault_url: the vault sends us to another address, which does not get the"
            " token; name the server that answers itself"
        )
