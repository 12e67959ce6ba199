"""An API key as commands take it: from a file or standard input, never as an argument."""

from typing import BinaryIO

import click

_MAX_KEY = 65536  # bytes


def read_key(file: BinaryIO, *, name: str) -> str:
    """Return the key in an open file; ``name`` is what the user calls the file.

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
