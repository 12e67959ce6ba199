"""Secrets that stand in files: one text, white space around it does not count.

No error shows the path: who puts the secret itself where its file belongs must not find it there.
"""

import stat
from pathlib import Path

from sidecar.errors import SettingsError
from sidecar.secret import Secret

_MAX_BYTES = 65536  # a secret is short: whatever is longer is another file
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_secret(path: str, *, name: str) -> Secret:
    """Return the secret in a file; ``name`` is the setting or variable that gave the path.

    Raises:
        SettingsError: The file cannot be read, or holds no text.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{name}: the file cannot be read ({error.strerror})") from None
    except ValueError:  # a NUL in the path
        raise SettingsError(f"{name}: is not a path") from None
    if len(content) > _MAX_BYTES:
        raise SettingsError(f"{name}: the file is too long for a secret")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: the file does not hold a text") from None
    if not text:
        raise SettingsError(f"{name}: the file is empty")
    return Secret(text)


def is_open_to_others(path: str) -> bool:
    """Tell whether anyone but the owner may touch the file. False if it cannot be looked at."""
    try:
        return bool(Path(path).stat().st_mode & _OTHERS)
    except (OSError, ValueError):
        return False
