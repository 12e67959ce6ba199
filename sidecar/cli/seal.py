"""``tollkeeper keys seal``: API keys made fit for a repository. Needs nothing but a public key."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from authsvc.apikey import ApiKey
from authsvc.sealed_key import SealingPublicKey, generate_pair, is_sealed
from sidecar.cli.key_input import read_key, read_public_key
from sidecar.private_file import write_private
from sidecar.sealed_file import seal_keys

_LONGEST_KEY = 4096  # bytes: longer ones are refused wherever keys are made
_MOST = 256 * 2**20  # bytes of a declarative file
PRIVATE_NAME, PUBLIC_NAME = "declarative-private.pem", "declarative-public.pem"


@click.command()
@click.option("--public-key-file", type=click.File("rb"), help="Whom to seal for, as PEM.")
@click.option(
    "--file", "file", type=click.File("rb"), help="Seal all keys of this declarative file."
)
@click.option(
    "--generate",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    help="Make a pair of keys in this directory, and nothing else.",
)
def seal(public_key_file: BinaryIO | None, file: BinaryIO | None, generate: Path | None) -> None:
    """Seal an API key from standard input, for a declarative file.

    The sealed text may lie in a repository: only a deployment whose
    keyring.declarative_private_key_file holds the private key can open it.
    With --file, the whole file is printed with each of its keys sealed.
    """
    if (public_key_file is None) == (generate is None) or (generate and file):
        raise click.UsageError("give --public-key-file, or --generate alone")
    if generate is not None:
        _make_pair(generate)
    elif public_key_file is not None:
        _seal(read_public_key(public_key_file, name="--public-key-file"), file)


def _make_pair(directory: Path) -> None:
    public, private = generate_pair()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (directory / PUBLIC_NAME).open("x", encoding="ascii") as file:
            # The private one first: with the other alone, keys could be sealed that nobody opens.
            write_private(directory / PRIVATE_NAME, private)
            file.write(public)
    except OSError as error:
        raise click.UsageError(f"{error.filename or directory}: {error.strerror}") from None
    click.echo(f"{directory / PRIVATE_NAME}: for keyring.declarative_private_key_file; keep a copy")
    click.echo(f"{directory / PUBLIC_NAME}: for --public-key-file; no secret")


def _seal(public: SealingPublicKey, file: BinaryIO | None) -> None:
    def sealed(key: str) -> str:
        if is_sealed(key):
            raise ValueError("is sealed already")
        if not 0 < len(key.encode()) <= _LONGEST_KEY:
            raise ValueError(f"has to have 1 to {_LONGEST_KEY} bytes")
        return public.seal(ApiKey.from_text(key))

    if file is not None:
        text, count = seal_keys(_text(file), sealed)
        click.echo(text, nl=False)
        click.echo(f"sealed {count} keys", err=True)
        return
    try:
        click.echo(sealed(_given_key()))
    except ValueError as error:
        raise click.UsageError(f"the key {error}") from None


def _given_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Key", hide_input=True, err=True))
    return read_key(sys.stdin.buffer, name="standard input")


def _text(file: BinaryIO) -> str:
    content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise click.UsageError("--file: too long")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise click.UsageError("--file: is not UTF-8") from None
