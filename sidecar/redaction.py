"""What may not stand in a log line, and is taken out at one place on the way there.

Code does not log secrets; this is for the day when it does, or when a library's error quotes one.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from sidecar.secret import MASK, Secret

_MAX_DEPTH = 6
_MAX_TEXT = 8192  # characters

# Compared without case, dashes and underscores.
_SECRET_NAMES = frozenset(
    {
        "apikey",
        "applicationid",
        "authorization",
        "body",
        "connectionstring",
        "cookie",
        "credential",
        "credentials",
        "databaseurl",
        "dsn",
        "headers",
        "key",
        "kongadmintoken",
        "passphrase",
        "passwd",
        "password",
        "presented",
        "proxyauthorization",
        "query",
        "rootkey",
        "secret",
        "setcookie",
        "token",
        "xapikey",
        "xmoesifapplicationid",
    }
)
_SECRET_ENDINGS = ("password", "secret", "token", "apikey", "dsn")

_PATTERNS = (
    # scheme://user:password@host; a password written carelessly may itself hold @ and /.
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)[^\s'\"]{0,512}@", re.IGNORECASE), rf"\1{MASK}@"),
    (
        re.compile(
            r"((?:password|passwd|pwd|secret|token|api[_-]?key)['\"]?\s*[=:]\s*)"
            r"('[^']*'|\"[^\"]*\"|[^\s&,;'\"})\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
)


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a log line without what looks secret by name, by type or by shape."""
    return {name: _clean_field(name, value, 0) for name, value in fields.items()}


def redact_text(text: str) -> str:
    """Return a text without what looks like a password, cut to a length fit for a log line."""
    # Cut before the search, which then cannot be made slow; but not through a secret's middle,
    # which would then no longer look like one: what may have been cut goes too.
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT].rpartition(" ")[0] + " …"
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _clean_field(name: object, value: Any, depth: int) -> Any:
    # A number or a flag under such a name counts or tells something; it is not the secret.
    if _is_secret_name(str(name)) and not isinstance(value, bool | int | float | None):
        return MASK
    return _clean(value, depth)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _clean_collection(value, depth + 1)
    if value is None or isinstance(value, bool | int) or _is_finite(value):
        return value
    if isinstance(value, Secret):
        return MASK
    return redact_text(value if isinstance(value, str) else _representation(value))


def _clean_collection(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(name): _clean_field(name, each, depth) for name, each in value.items()}
    return [_clean(each, depth) for each in value]


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)  # JSON has no word for the others


def _representation(value: object) -> str:
    # Bytes are never text of ours, but keys, digests or ciphertexts.
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - whatever a foreign repr raises must not cost the log line
        return f"({type(value).__name__})"


def _is_secret_name(name: str) -> bool:
    plain = name.lower().replace("-", "").replace("_", "")
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)
