"""What a refused client sees: Kong's statuses, bodies and challenges.

Less than what is logged: a key that is unknown, expired or disabled looks the same.
"""

from dataclasses import dataclass
from functools import lru_cache
from uuid import uuid4

from authsvc.decision import Deny, DenyReason, Unavailable
from authsvc.request import Request

UNAUTHORIZED = 401
FORBIDDEN = 403
_INTERNAL = 500
_UNAVAILABLE = 503
_UNEXPECTED = "An unexpected error occurred"

# reason: status, message
_ANSWERS: dict[DenyReason, tuple[int, str]] = {
    DenyReason.MISSING_KEY: (UNAUTHORIZED, "No API key found in request"),
    DenyReason.DUPLICATE_KEY: (UNAUTHORIZED, "Duplicate API key found"),
    DenyReason.UNKNOWN_KEY: (UNAUTHORIZED, "Unauthorized"),
    DenyReason.EXPIRED_KEY: (UNAUTHORIZED, "Unauthorized"),
    DenyReason.DISABLED_KEY: (UNAUTHORIZED, "Unauthorized"),
    DenyReason.NOBODY: (UNAUTHORIZED, "Unauthorized"),
    DenyReason.NOT_A_MEMBER: (FORBIDDEN, "You cannot consume this service"),
    DenyReason.NO_POLICY: (FORBIDDEN, "No authentication is configured for this request"),
    DenyReason.BAD_REQUEST: (400, "Bad request"),
    DenyReason.ANONYMOUS_MISSING: (
        _INTERNAL,
        "anonymous consumer {} is configured but doesn't exist",
    ),
    DenyReason.INVALID_POLICY: (_INTERNAL, "Invalid plugin configuration"),
    DenyReason.CORRUPT_CREDENTIAL: (_INTERNAL, _UNEXPECTED),
    DenyReason.INTERNAL_ERROR: (_INTERNAL, _UNEXPECTED),
    # A rule answers for itself, see ``rule_denial``.
    DenyReason.BLOCKED_BY_RULE: (FORBIDDEN, "Blocked by a rule"),
}
_CHALLENGED = frozenset(
    {
        DenyReason.MISSING_KEY,
        DenyReason.DUPLICATE_KEY,
        DenyReason.UNKNOWN_KEY,
        DenyReason.EXPIRED_KEY,
        DenyReason.DISABLED_KEY,
    }
)
# Kong's map for gRPC callers; Envoy's own differs (500 would be UNKNOWN).
_GRPC_STATUS = {400: 3, UNAUTHORIZED: 16, FORBIDDEN: 7, _INTERNAL: 13, _UNAVAILABLE: 14}

_MAX_ACCEPT_LENGTH = 2048  # bytes; several times a browser's, and quickly read

_DIFFERENT_ACCEPTS = 256  # that are remembered; clients of one API send few

_JSON = "application/json; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_XML = "application/xml; charset=utf-8"
_TEMPLATES = {
    _JSON: '{{\n  "message":"{0}",\n  "request_id":"{1}"\n}}',
    _PLAIN: "{0}\nrequest_id: {1}\n",
    _HTML: (
        '<!doctype html>\n<html>\n  <head>\n    <meta charset="utf-8">\n    <title>Error</title>\n'
        "  </head>\n  <body>\n    <h1>Error</h1>\n    <p>{0}.</p>\n"
        "    <p>request_id: {1}</p>\n  </body>\n</html>\n"
    ),
    _XML: (
        '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>{0}</message>\n'
        "  <requestid>{1}</requestid>\n</error>\n"
    ),
}
_MEDIA_TYPES = {
    "application/json": _JSON,
    "application/*": _JSON,
    "*/*": _JSON,
    "text/plain": _PLAIN,
    "text/*": _PLAIN,
    "text/html": _HTML,
    "application/xml": _XML,
}


@dataclass(frozen=True, slots=True)
class Denial:
    """An answer in place of the upstream's."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


def render(decision: Deny | Unavailable, request: Request | None) -> Denial:
    """Return the answer to a refused request; ``request`` is None where none could be read."""
    status, message = _status_and_message(decision)
    headers: list[tuple[str, str]] = []
    if isinstance(decision, Deny) and decision.reason in _CHALLENGED:
        headers.append(("www-authenticate", _challenge(decision)))
    if request is not None and request.is_grpc:
        headers.append(("grpc-status", str(_GRPC_STATUS[status])))
        return Denial(status, tuple(headers), message)
    content_type = _negotiate(request) if request is not None else _JSON
    headers.append(("content-type", content_type))
    body = _TEMPLATES[content_type].format(
        _escape(message, content_type), _escape(_request_id(request), content_type)
    )
    return Denial(status, tuple(headers), body)


def _status_and_message(decision: Deny | Unavailable) -> tuple[int, str]:
    if isinstance(decision, Unavailable):
        return _UNAVAILABLE, "The service is temporarily unavailable"
    status, message = _ANSWERS[decision.reason]
    if decision.reason is DenyReason.ANONYMOUS_MISSING and decision.policy is not None:
        message = message.format(decision.policy.key_auth.anonymous)
    return status, message


def _challenge(decision: Deny) -> str:
    realm = decision.policy.key_auth.realm if decision.policy else None
    # Verbatim as in Kong, but for what would end the header line.
    return f'Key realm="{_printable(realm)}"' if realm else "Key"


def new_request_id() -> str:
    """Return what stands for the id of a request that has none."""
    return uuid4().hex


def _request_id(request: Request | None) -> str:
    return (request.first("x-request-id") if request is not None else "") or new_request_id()


def _negotiate(request: Request) -> str:
    return content_type_for(b",".join(request.values("accept"))[:_MAX_ACCEPT_LENGTH])


@lru_cache(_DIFFERENT_ACCEPTS)
def content_type_for(accept: bytes) -> str:
    """Return the content type of the best known media range; JSON where none is known.

    Args:
        accept: What the client accepts; its length is bounded already.
    """
    best, best_quality = _JSON, 0.0
    for media_range in accept.decode("ascii", "replace").lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        quality = _quality(parameters)
        if name in _MEDIA_TYPES and quality > best_quality:
            best, best_quality = _MEDIA_TYPES[name], quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


_ESCAPES = {
    _JSON: str.maketrans({"\\": "\\\\", '"': '\\"'}),
    _HTML: str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"}),
    _XML: str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"}),
    _PLAIN: str.maketrans({}),
}


def _escape(text: str, content_type: str) -> str:
    # A request id may be the client's own: it must not break out of the template.
    return _printable(text).translate(_ESCAPES[content_type])


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable())
