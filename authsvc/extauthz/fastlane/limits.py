"""How much one peer may ask of the server, whatever it means by it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection, and of their number; sizes in bytes, times in seconds.

    Attributes:
        connections: Of one process. Each Envoy has one for each of its threads.
        message_size: Of one message, before the five bytes in front of it.
        header_list_size: Of the fields of one block, each counting 32 more.
        header_block_size: Of one block as it is sent, over all its frames.
        streams: That may be open at once.
        received: Of requests that are not whole yet, all together.
        unsent: Of answers that the peer's windows hold back.
        resets: Of requests, by the peer or provoked by it, in a burst, and in each second.
        control_frames: PING, SETTINGS and empty frames in a burst, and in each second.
        greeting_seconds: For a peer to say that it speaks HTTP/2.
        request_seconds: For a request to arrive whole, and for its answer to be taken.
        idle_seconds: Without any request.
        age_seconds: After which a connection is asked to go, None: never.
    """

    connections: int = 1024
    message_size: int = 4 * 1024 * 1024
    header_list_size: int = 64 * 1024
    header_block_size: int = 64 * 1024
    streams: int = 1024
    received: int = 16 * 1024 * 1024
    unsent: int = 4 * 1024 * 1024
    resets: int = 2000
    control_frames: int = 1000
    greeting_seconds: float = 10.0
    request_seconds: float = 30.0
    idle_seconds: float = 3600.0
    age_seconds: float | None = None


class Allowance:
    """Something that a peer may do so many times at once, and as often in each second after."""

    __slots__ = ("_at", "_left", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = float(limit)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Do it once; return whether it was allowed."""
        self._left = min(self._limit, self._left + (now - self._at) * self._limit)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
