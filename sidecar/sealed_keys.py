"""Opens the sealed keys of declarative files with the key that the settings name.

The file with the private key is read when the first sealed key is met, and not before: whoever
has none needs no file, and a process that reads no declarative files never touches it.
"""

from authsvc.errors import SealedKeyError
from authsvc.sealed_key import SealingPrivateKeys, is_sealed
from sidecar.admin.kinds import InvalidValueError
from sidecar.declarative.declaration import SealedKey
from sidecar.secret_file import read_secret
from sidecar.settings import FIELDS, Settings
from sidecar.transfer.encrypted_keys import is_encrypted

_KONG_ENCRYPTED = "$ke$"  # what Kong's keyring wrote into the column
_SETTING = "keyring.declarative_private_key_file"


def read_private_keys(settings: Settings) -> SealingPrivateKeys | None:
    """Return what opens sealed keys, or None: the settings name nothing.

    Raises:
        SettingsError: The file cannot be read, or holds something else.
    """
    path = settings.keyring.declarative_private_key_file
    if path is None:
        return None
    field = FIELDS[_SETTING]
    text = read_secret(path, name=field.label)
    try:
        return SealingPrivateKeys.from_pem(text.reveal())
    except SealedKeyError as error:
        raise field.error(str(error)) from None


class KeyOpener:
    """Turns the key of a declarative file into the key that clients present."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: SealingPrivateKeys | None = None

    def __call__(self, text: str) -> str:
        """Return a sealed key in clear, and any other as it is.

        Raises:
            SealedKeyError: It does not open here; the text says why, and holds nothing of it.
            SettingsError: The file with the private key cannot be read.
        """
        if not is_sealed(text):
            return text
        if self._keys is None:
            self._keys = read_private_keys(self._settings)
        if self._keys is None:
            raise SealedKeyError(f"it is sealed, and {_SETTING} is not set")
        try:
            return self._keys.open(text).reveal().decode()
        except UnicodeDecodeError:
            raise SealedKeyError("what was sealed is not a text") from None


class FileKeyReader:
    """A ``KeyReader``: opens what is sealed, and leaves to a keyring what is encrypted under it."""

    def __init__(self, settings: Settings, *, has_keyring: bool) -> None:
        """Take the settings, and whether encrypted keys can be opened where the file goes."""
        self._open = KeyOpener(settings)
        self._has_keyring = has_keyring

    def __call__(self, text: str, *, transform: bool) -> str | SealedKey:  # noqa: ARG002 - told by the text
        """Return the key in clear; of an encrypted one, the text.

        Raises:
            InvalidValueError: It cannot be opened here; the reason holds nothing of it.
            SettingsError: The file with the private key cannot be read.
        """
        if text.startswith(_KONG_ENCRYPTED):
            raise InvalidValueError("is encrypted by Kong's keyring: only Kong can open it")
        if is_encrypted(text):
            if not self._has_keyring:
                raise InvalidValueError("is encrypted: only an import into a database can open it")
            return SealedKey(text)
        try:
            return self._open(text)
        except SealedKeyError as error:
            raise InvalidValueError(str(error)) from None
