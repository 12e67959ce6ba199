"""The root key that we generate, for the embedded database only.

It is never made again where there is a keyring already: another key would open nothing, and look
as if all was well.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from authsvc.errors import RootKeyError
from authsvc.root_key import RootKey
from sidecar.errors import StartupError
from sidecar.secret import Secret

NAME = "root.key"
_MAX_BYTES = 4096


def read_or_generate(data_dir: Path, *, has_keyring: bool) -> Secret:
    """Return the data directory's root key; make one if there is none, nor a keyring.

    Raises:
        RootKeyError: The file is missing though there is a keyring, or does not hold a root key.
        StartupError: It cannot be read or written.
    """
    path = data_dir / NAME
    try:
        if not path.exists():
            if has_keyring:
                raise RootKeyError(
                    f"{path} is missing, and the database's keyring opens with no other root key:"
                    " restore the file"
                )
            _generate(path)
        text = path.read_bytes()[:_MAX_BYTES]
    except OSError as error:
        raise StartupError(f"{path}: {error.strerror}") from None
    return _checked(text, path)


def _generate(path: Path) -> None:
    """Write a new key. The file is there whole or not at all, also after a power cut."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(RootKey.generate_base64() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _checked(content: bytes, path: Path) -> Secret:
    try:
        text = content.decode("ascii").strip()
        RootKey.from_base64(text)
    except (UnicodeDecodeError, RootKeyError):
        raise RootKeyError(f"{path}: the root key must be 32 bytes, base64-encoded") from None
    return Secret(text)
