"""Keys of an export as their database has them: encrypted under its keyring, bound to their row.

The form is ``encrypted:v1:`` and the stored bytes in base64url without padding; those begin with
the id of the data key.  They open for the credential and the consumer that stand beside them.
"""

import base64
import binascii

from authsvc.entities import StoredCredential
from authsvc.errors import KeyringError
from authsvc.keyring import key_id_of

MARK = "encrypted:"
"""What such a text begins with, whatever its version."""

_PREFIX = f"{MARK}v1:"


def is_encrypted(text: str) -> bool:
    """Tell whether a text means to be an encrypted key, of whatever version."""
    return text.startswith(MARK)


def encrypted_text(credential: StoredCredential) -> str:
    """Return a credential's key as its database has it."""
    return _PREFIX + base64.urlsafe_b64encode(credential.sealed_key).decode().rstrip("=")


def stored_bytes(text: str) -> bytes:
    """Return the bytes that a text was made of.

    Raises:
        KeyringError: It is no encrypted key of a version that is known here.
    """
    encoded = text.removeprefix(_PREFIX)
    try:
        content = base64.b64decode(
            encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        raise KeyringError from None
    key_id_of(content)
    return content
