"""Secrets of settings, on their way into settings and from one process of ours to another."""

from sidecar.secret import Secret


def decode_secret(kind: type, value: object) -> Secret:
    """Make a secret of a text: msgspec's ``dec_hook`` for settings.

    Raises:
        TypeError: Something else is asked for, or it is no text, or an empty one.
    """
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise TypeError("expected text")


def encode_secret(value: object) -> str:
    """Reveal a secret: msgspec's ``enc_hook`` for handing settings to a child process.

    Raises:
        NotImplementedError: It is no secret.
    """
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"cannot encode {type(value).__name__}")
