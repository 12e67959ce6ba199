"""The headers that tell the upstream who calls, and the spoofed ones that must go.

Every identity header is either set here or removed, on every path that lets a request through:
a header that is not set by us was sent by the client.  Envoy removes after it sets, so that a
name is never in both lists.
"""

import re
from itertools import product

from authsvc.decision import Allow, AllowReason

CONSUMER_ID = "x-consumer-id"
CONSUMER_USERNAME = "x-consumer-username"
CONSUMER_CUSTOM_ID = "x-consumer-custom-id"
CREDENTIAL_IDENTIFIER = "x-credential-identifier"
ANONYMOUS_CONSUMER = "x-anonymous-consumer"
CONSUMER_GROUPS = "x-consumer-groups"

IDENTITY_HEADERS = (
    CONSUMER_ID,
    CONSUMER_USERNAME,
    CONSUMER_CUSTOM_ID,
    CREDENTIAL_IDENTIFIER,
    ANONYMOUS_CONSUMER,
    CONSUMER_GROUPS,
    "x-authenticated-groups",
    "x-credential-username",
)
# An upstream behind CGI or WSGI cannot tell `_` from `-`: what it reads as ours must go as well, in
# every mixture of both.  They are named whether or not the request has them: Envoy need not show us
# all of its headers.
_SPELLINGS = [
    "".join(letters)
    for name in IDENTITY_HEADERS
    for letters in product(*("-_" if letter == "-" else letter for letter in name))
    if "_" in letters
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_VALUE_LENGTH = 4096  # bytes; Envoy answers 500 to a header that does not fit its limits


def headers_to_set(allow: Allow) -> dict[str, str]:
    """Return the identity headers of an allowed request."""
    identity = allow.identity
    if identity is None:
        return {}
    consumer = identity.owner.consumer
    candidates = {
        CONSUMER_ID: consumer.id,
        CONSUMER_CUSTOM_ID: consumer.custom_id,
        CONSUMER_USERNAME: consumer.username,
        CREDENTIAL_IDENTIFIER: identity.credential_id,
        ANONYMOUS_CONSUMER: "true" if allow.reason is AllowReason.ANONYMOUS else None,
        CONSUMER_GROUPS: None if allow.groups is None else ", ".join(allow.groups),
    }
    return {
        name: value
        for name, value in candidates.items()
        if value is not None and _fits_in_header(value)
    }


def headers_to_remove(headers_set: dict[str, str]) -> list[str]:
    """Return the names of identity headers that must not reach the upstream."""
    return [name for name in IDENTITY_HEADERS if name not in headers_set] + _SPELLINGS


def _fits_in_header(value: str) -> bool:
    # Control characters are refused where consumers are written; what was put into the database
    # by other means must not make Envoy fail, nor split a header.
    fits = len(value.encode("utf-8", "replace")) <= MAX_VALUE_LENGTH
    return fits and _CONTROL.search(value) is None
