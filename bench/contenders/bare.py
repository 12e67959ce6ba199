"""The floor of the hop: one ready answer to whatever is asked, over as little HTTP/2 as that takes.

It reads no header, decides nothing and believes its peer: no server has much less to do.  What a
request through Envoy costs with this behind it is Envoy's own part, and the way there and back.
"""

import asyncio
from typing import cast

import uvloop

from authsvc.extauthz.fastlane import frames
from bench.contenders.plain import SERVING, allowed
from bench.contenders.serving import announce_and_wait, run
from bench.traffic import AUTHORITY, ROUTE, SERVICE, callers

_STATUS_200 = b"\x88"  # of HPACK's static table, as is the name of content-type
_HEAD = _STATUS_200 + b"\x0f\x10\x10application/grpc"
_TRAILERS = b"\x00\x0bgrpc-status\x010"
_SHORTEST_CHECK = 64  # bytes; what is shorter asks for the health
_REFILL = 2**20  # bytes after which the peer's window is opened again
_LAST_HEADER = frames.END_HEADERS | frames.END_STREAM


class Bare(asyncio.Protocol):
    """A connection of which every whole request gets the same answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = _message(answer)
        self._healthy = _message(SERVING)
        self._unread = b""
        self._is_greeted = False
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's says nothing of the kind
        self._transport.write(frames.settings({}) + _open_window(frames.MAX_WINDOW // 2))

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        data = self._unread + data
        start = 0
        if not self._is_greeted:
            start, self._is_greeted = len(frames.PREFACE), True
        answers = []
        while (head := start + frames.HEADER_LENGTH) <= len(data):
            high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data, start)
            end = head + (high << 16 | low)
            if end > len(data):
                break
            answers.append(self._answered(kind, flags, stream_id, data[head:end]))
            start = end
        self._unread = data[start:]
        self._transport.write(b"".join(answers))

    def _answered(self, kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
        if kind == frames.DATA:
            answer = b""
            if flags & frames.END_STREAM:
                message = self._answer if len(payload) >= _SHORTEST_CHECK else self._healthy
                answer = b"".join(
                    (
                        frames.frame(frames.HEADERS, frames.END_HEADERS, stream_id, _HEAD),
                        frames.frame(frames.DATA, 0, stream_id, message),
                        frames.frame(frames.HEADERS, _LAST_HEADER, stream_id, _TRAILERS),
                    )
                )
            return answer + self._refill(len(payload))
        if kind in {frames.SETTINGS, frames.PING} and not flags & frames.ACK:
            return frames.frame(kind, frames.ACK, 0, payload if kind == frames.PING else b"")
        return b""

    def _refill(self, size: int) -> bytes:
        self._received += size
        if self._received < _REFILL:
            return b""
        opened, self._received = _open_window(self._received), 0
        return opened


def _message(body: bytes) -> bytes:
    return b"\0" + len(body).to_bytes(4, "big") + body


def _open_window(size: int) -> bytes:
    return frames.frame(frames.WINDOW_UPDATE, 0, 0, size.to_bytes(4, "big"))


async def serve() -> None:
    """Serve until standard input ends."""
    names = {"route": ROUTE, "service": SERVICE, "authority": AUTHORITY}
    answer = allowed(callers()[0], names).SerializeToString()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Bare(answer), "127.0.0.1", 0)
    await announce_and_wait(server.sockets[0].getsockname()[1])
    server.close()


if __name__ == "__main__":
    run(serve, runner=uvloop.run)
