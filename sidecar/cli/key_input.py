"""Keys as commands take them: from a file or standard input, never as an argument."""

from typing import BinaryIO

import click

from authsvc.errors import SealedKeyError
from authsvc.sealed_key import SealingPublicKey

_MAX_KEY = 65536  # bytes


def read_public_key(file: BinaryIO, *, name: str) -> SealingPublicKey:
    """Return the public key in an open file, to seal keys with.

    Raises:
        click.UsageError: It holds something else.
    """
    try:
        return SealingPublicKey.from_pem(file.read(_MAX_KEY).decode("utf-8", "replace"))
    except SealedKeyError as error:
        raise click.UsageError(f"{name}: {error}") from None


def read_key(file: BinaryIO, *, name: str) -> str:
    """Return the API key in an open file; ``name`` is what the user calls the file.

    Raises:
        click.UsageError: It holds no key.
    """
    content = file.read(_MAX_KEY + 1)
    if len(content) > _MAX_KEY:
        raise click.UsageError(f"{name}: too long for a key")
    try:
        # One line end is the file's; anything else is the key's.
        key = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError(f"{name}: not a text") from None
    if not key:
        raise click.UsageError(f"{name}: empty")
    return key
