"""One HTTP/2 connection that asks the same unary method again and again, as cheaply as it can.

It knows exactly what this needs of HTTP/2 and gRPC. An answer counts as right when it is one
message of the expected size and the call ended after it; anything else counts as wrong.
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from bench.hpack import call_blocks

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_FRAME_HEAD = 9
_LARGEST_WINDOW = 2**31 - 1
_INITIAL_WINDOW = 65_535
_TOP_UP = 2**30  # received bytes after which the server's window is opened again


class Connection(asyncio.Protocol):
    """Keeps ``streams`` calls in flight until it is told to stop."""

    def __init__(
        self,
        *,
        messages: list[bytes],
        method: str,
        answer_size: int,
        streams: int,
        answered: Callable[[float, bool], None],
    ) -> None:
        """Take the requests, and whom to tell of each call how long it took and if it was right."""
        self._bodies = [b"\x00" + len(message).to_bytes(4, "big") + message for message in messages]
        self._first_block, self._later_block = call_blocks(path=method, authority="bench")
        self._answer_size = answer_size + 5  # with the prefix of a gRPC message
        self._streams = streams
        self._answered = answered
        self._buffer = b""
        self._in_flight: dict[int, tuple[float, int]] = {}
        self._next_stream = 1
        self._window = _INITIAL_WINDOW
        self._received = 0
        self._waiting = 0
        self.stopped = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        settings = b"\x00\x02" + (0).to_bytes(4, "big")  # no push
        settings += b"\x00\x04" + _LARGEST_WINDOW.to_bytes(4, "big")
        self._transport.write(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW_UPDATE, 0, 0, (_LARGEST_WINDOW - _INITIAL_WINDOW).to_bytes(4, "big"))
        )
        self._waiting = self._streams
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Stop asking and close the connection."""
        if not self.stopped.done():
            self.stopped.set_result(None)
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at, end = 0, len(data)
        while end - at >= _FRAME_HEAD:
            length = int.from_bytes(data[at : at + 3], "big")
            after = at + _FRAME_HEAD + length
            if after > end:
                break
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            self._frame_received(data[at + 3], data[at + 4], stream, data[at + _FRAME_HEAD : after])
            at = after
        self._buffer = data[at:]
        if self._waiting:
            self._ask()

    def _frame_received(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            started, size = self._in_flight[stream]
            self._in_flight[stream] = started, size + len(payload)
            self._count_received(len(payload))
        elif (kind == _HEADERS and flags & _END_STREAM) or kind == _RST_STREAM:
            started, size = self._in_flight.pop(stream)
            right = kind == _HEADERS and size == self._answer_size
            self._answered(time.perf_counter() - started, right)
            self._waiting += 1
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
        elif kind == _SETTINGS and not flags & _ACK:
            self._transport.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._transport.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _GOAWAY:
            self._transport.abort()

    def _count_received(self, size: int) -> None:
        self._received += size
        if self._received >= _TOP_UP:
            increment = self._received.to_bytes(4, "big")
            self._transport.write(_frame(_WINDOW_UPDATE, 0, 0, increment))
            self._received = 0

    def _ask(self) -> None:
        if self.stopped.done():
            return
        frames = []
        while self._waiting:
            stream = self._next_stream
            body = self._bodies[(stream // 2) % len(self._bodies)]
            if self._window < len(body):
                break  # the rest goes out when the server opens its window
            block = self._later_block if stream > 1 else self._first_block
            frames.append(_frame(_HEADERS, _END_HEADERS, stream, block))
            frames.append(_frame(_DATA, _END_STREAM, stream, body))
            self._window -= len(body)
            self._waiting -= 1
            self._next_stream = stream + 2
            self._in_flight[stream] = time.perf_counter(), 0
        self._transport.write(b"".join(frames))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )
