"""How a request wants a refusal to be told, read off its bytes.

What callers can rely on: what is read is what ``denial`` goes by.  Where that takes more than is
known here, nothing is read: a header that is there twice, a long one, an id with anything in it
that some form would have to escape.
"""

import re
from collections.abc import Collection
from typing import Final

from authsvc.denial import content_type_for, new_request_id
from authsvc.extauthz.wire_lengths import MORE, SHORT, TAG_AND_LENGTH
from authsvc.request import Request, names_grpc

#: In place of a content type: the status of gRPC, without a word about the request.
GRPC: Final = ""

_ACCEPT: Final = b"accept"
_CONTENT_TYPE: Final = b"content-type"
_REQUEST_ID: Final = b"x-request-id"
_NAMES: Final = frozenset((_ACCEPT, _CONTENT_TYPE, _REQUEST_ID))
_PLAIN_ID: Final = re.compile(rb"[0-9A-Za-z-]{1,64}")


# The content type of the answer, or GRPC; and the id that it tells.
Wish = tuple[str, bytes]


class Wishes:
    """Reads wishes where some headers would say more."""

    __slots__ = ("_names", "_sizes", "_tokens")

    def __init__(self, tokens: Collection[bytes]) -> None:
        """Take the names of headers, in lower case, that a request must not have."""
        self._tokens = frozenset(tokens)
        self._names = self._tokens | _NAMES
        self._sizes = frozenset(map(len, self._names))

    def read(self, payload: bytes, at: int) -> Wish | None:
        """Return the wish of a CheckRequest.

        Args:
            payload: What ``RequestWire.read`` has read: all that is relied on here is seen to
                there, and that no name goes beyond ASCII.
            at: Where its headers begin. After them comes no field with their number: what does is
                the path, or what names the route and the service.
        """
        total, tag = len(payload), payload[at]
        found: dict[bytes, bytes] = {}
        while at < total and payload[at] == tag:
            start, size = at + 2, payload[at + 1]
            if size > SHORT:
                start, size = start + 1, size + (payload[start] << 7) - MORE
            at = start + size
            name_size = payload[start + 1]
            if name_size in self._sizes:
                value = start + TAG_AND_LENGTH + name_size
                name = payload[start + TAG_AND_LENGTH : value].lower()
                if name in self._names:
                    if size > SHORT or name in found or name in self._tokens:
                        return None
                    # Compiled, a slice that ends before it begins is an error: where no value is.
                    found[name] = payload[min(value + TAG_AND_LENGTH, at) : at]
        return _wish(found.get(_ACCEPT, b""), found.get(_CONTENT_TYPE, b""), found.get(_REQUEST_ID))


def wish_of(request: Request) -> Wish | None:
    """Return the wish of a request that was read by other means, and may say more."""
    accept = b",".join(request.values("accept"))
    content_type = next(request.values("content-type"), b"")
    return _wish(accept, content_type, next(request.values("x-request-id"), None))


def _wish(accept: bytes, content_type: bytes, request_id: bytes | None) -> Wish | None:
    if names_grpc(content_type):
        return GRPC, b""
    if request_id and _PLAIN_ID.fullmatch(request_id) is None:
        return None
    return content_type_for(accept), request_id or new_request_id().encode()
