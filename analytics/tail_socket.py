"""Live events over a Unix socket, for who may read the data directory.

A viewer connects, writes one line of JSON (see ``analytics.tail.Wanted``; ``{}`` is everything),
and gets a line for each event from then on: the event, or ``{"missed":N}`` for so many that it was
too slow for.  A viewer that is refused gets ``{"error":"…"}`` and the end.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec

from analytics.errors import ListenError
from analytics.tail import Tail, Wanted

MODE = 0o600  # events hold personal data

_MAX_UNREAD = 4 * 1024 * 1024  # bytes that may wait for one viewer
_MAX_REQUEST = 64 * 1024  # bytes of a viewer's line
_REQUEST_SECONDS = 5.0


@asynccontextmanager
async def serve_tail(path: Path, tail: Tail) -> AsyncIterator[None]:
    """Let viewers connect to a socket until left.

    Whatever has the path goes: a process that was killed leaves its socket behind.  Where two
    processes have the same one, the younger is watched.

    Raises:
        ListenError: The socket cannot be made.
    """
    viewers: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        viewer = asyncio.create_task(_view(tail, reader, writer), name="analytics-tail")
        viewers.add(viewer)
        viewer.add_done_callback(viewers.discard)

    try:
        listener = _listener(path)
    except OSError as error:
        raise ListenError(f"cannot make the socket: {error.strerror}") from None
    made = _inode(path)
    server = await asyncio.start_unix_server(take, sock=listener, limit=_MAX_REQUEST)
    try:
        yield
    finally:
        server.close()
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)
        if _inode(path) == made:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - of a moment, at the end


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Of an unbound socket: what is bound then is never open to others, not for a moment.
        os.fchmod(listener.fileno(), MODE)
        path.unlink(missing_ok=True)
        with reachable(path) as name:
            listener.bind(name)
    except OSError:
        listener.close()
        raise
    return listener


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a name by which a Unix socket can be bound or connected to, however long its path is.

    Raises:
        OSError: Its folder is not there.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _SocketView:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def has_room(self) -> bool:
        return self._writer.transport.get_write_buffer_size() < _MAX_UNREAD

    def write(self, line: bytes) -> None:
        self._writer.write(line)


async def _view(tail: Tail, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await _show(tail, reader, writer)
    finally:
        writer.close()


async def _show(tail: Tail, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(_REQUEST_SECONDS):
            wanted = msgspec.json.decode(await reader.readline(), type=Wanted)
    except (TimeoutError, ValueError, OSError, msgspec.DecodeError):
        writer.write(b'{"error":"expected a line of JSON that says what is wanted"}\n')
        return
    if tail.is_full:
        writer.write(b'{"error":"too many watch already"}\n')
        return
    with tail.watched(wanted, _SocketView(writer)), suppress(OSError):
        while await reader.read(_MAX_REQUEST):
            pass  # whatever a viewer says further; only its end matters
