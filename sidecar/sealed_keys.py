"""Opens the sealed keys of declarative files with the key that the settings name.

The file with the private key is read when the first sealed key is met, and not before: whoever
has none needs no file, and a process that reads no declarative files never touches it.
"""

from authsvc.errors import SealedKeyError
from authsvc.sealed_key import SealingPrivateKeys, is_sealed
from sidecar.secret_file import read_secret
from sidecar.settings import FIELDS, Settings

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
