"""What a credential in a header says about its owner, unverified.

Understood are ``Bearer`` with a JSON Web Token, ``Basic``, and anything else that holds base64url
JSON, alone or as the second of several parts between dots.  Opaque tokens say nothing.  A secret
part (a password, a signature, the token itself) is never part of what is returned.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BASE64URL = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a credential says: the user of ``Basic``, or the members of a token."""

    user: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str | None) -> str | None:
        """Return a claim as text; None if it is absent, empty, or neither text nor a number.

        Text that is no Unicode, as JSON can escape it, could not be told to anybody: it is none.
        A member of exactly this name comes first, then one that differs in letter case, then the
        name as a path with dots.
        """
        if name is None:
            return None
        found = _member(self.members, name)
        if found is None and "." in name:
            found = self.members
            for step in name.split("."):
                found = _member(found, step)
        # Numbers were kept as their digits: user ids do not fit in a float.
        return found.strip() or None if isinstance(found, str) and _is_unicode(found) else None


def read_credential(header: str) -> Claims:
    """Read the first credential in the value of a header; never raises."""
    words = header.partition(",")[0].split()
    if not words:
        return Claims()
    token = words[-1]
    scheme = words[0].lower() if len(words) > 1 else ""
    if scheme == "basic":
        return Claims(user=_basic_user(token))
    if scheme == "bearer":
        return Claims(members=_json_object(_second_part(token)))
    return Claims(members=_json_object(_second_part(token) or token))


def _second_part(token: str) -> str:
    parts = token.split(".")
    return parts[1] if len(parts) > 1 else ""


def _basic_user(credential: str) -> str | None:
    # The password may hold colons, the user may not.
    decoded = _decode(credential).decode(errors="replace")
    user, colon, _ = decoded.partition(":")
    return (user.strip() or None) if colon else None


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(
            _decode(text), parse_int=str, parse_float=str, parse_constant=lambda _: None
        )
    except (ValueError, RecursionError):  # both come with what strangers send
        return {}
    return value if isinstance(value, dict) else {}


def _decode(text: str) -> bytes:
    """Decode base64 in either alphabet, with or without padding; empty if it is not base64."""
    unpadded = text.rstrip("=").translate(_BASE64URL)
    try:
        return base64.b64decode(
            unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        return b""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _member(value: object, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    if name in value:
        return value[name]
    lowered = name.lower()
    return next((found for key, found in value.items() if key.lower() == lowered), None)
