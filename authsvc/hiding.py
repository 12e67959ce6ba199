"""What to take out of a request so that the upstream never sees the credential.

All configured names are taken out, in headers and in the query, wherever the key was found and
whether or not it was right: a credential under another of the names is one all the same.
"""

from dataclasses import dataclass, field

from authsvc.locations import header_names
from authsvc.policy import KeyAuthConfig
from authsvc.query import mentions, without_arguments
from authsvc.request import Request


@dataclass(frozen=True, slots=True)
class Hiding:
    """The headers to remove, and the new path and query if they must change."""

    headers: tuple[str, ...] = ()
    path: str | None = field(default=None, repr=False)  # may hold other secrets of the client


NOTHING_HIDDEN = Hiding()


def hide(request: Request, config: KeyAuthConfig) -> Hiding:
    """Return what to change about a request that goes on to the upstream."""
    if not config.hide_credentials:
        return NOTHING_HIDDEN
    headers = tuple(
        dict.fromkeys(header for name in config.key_names for header in header_names(name))
    )
    names = frozenset(name.encode() for name in config.key_names)
    path = without_arguments(request.path, names) if mentions(request.path, names) else None
    return Hiding(headers, path)
