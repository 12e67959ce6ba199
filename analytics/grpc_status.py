"""The status of a gRPC call, which HTTP does not tell."""

from collections.abc import Mapping
from typing import Final

_NAME: Final = "grpc-status"
_MAX_LENGTH: Final = 3


def read_grpc_status(trailers: Mapping[str, str], headers: Mapping[str, str]) -> int | None:
    """Return the status that a response has; None if it has none."""
    # A refused call has no body: its trailers come as headers.
    text = trailers.get(_NAME) or headers.get(_NAME, "")
    if text.isascii() and text.isdigit() and len(text) <= _MAX_LENGTH:
        return int(text)
    return None
