"""What a supervisor and its children say to each other, over one socket pair per child.

The parent sends a ``ChildSpec``, then an ``Order`` whenever there is one, and keeps the socket
open: its end means that the parent is gone, however it went.  The child sends a ``Message``
whenever it has one.  Each is MessagePack behind its length
in four bytes.
Secrets travel here and nowhere else: not in arguments, not in the environment.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Literal

import msgspec

from sidecar.secret import Secret
from sidecar.secret_coding import decode_secret, encode_secret
from sidecar.settings_model import Settings

Role = Literal["authsvc", "analytics", "admin"]

# Whoever does not open credentials does not get what opens them.
KEY_ROLES: frozenset[Role] = frozenset({"authsvc", "admin"})

# How long a role may take to drain before it is killed. All of them, one wave after the other,
# fit into the 30 s that Kubernetes grants.
DRAIN_SECONDS: Mapping[Role, float] = {"authsvc": 12.0, "admin": 6.0, "analytics": 12.0}

_LENGTH = 4  # bytes of a frame's length
_MAX_FRAME = 1 << 28  # bytes
_MAX_UNSENT = 1 << 16  # bytes
_SEND_SECONDS = 10.0


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that one process needs to know to be its role.

    Attributes:
        role: What it is.
        worker: Which one of its role, from 0.
        settings: The operator's settings, checked.
        database_url: Where the database is, also when it is the embedded one.
        root_key: The base64 text that opens the keyring; None for a role that needs no keys.
        metrics_dir: Where processes put their metrics together; None: this process is alone.
        gives_notice: Whether whoever watches its health gets the time to see that it stops.
    """

    role: Role
    worker: int
    settings: Settings
    database_url: Secret
    root_key: Secret | None
    metrics_dir: str | None = None
    gives_notice: bool = True

    @property
    def name(self) -> str:
        """The process's name in logs, checks and metrics, such as ``authsvc-0``."""
        return f"{self.role}-{self.worker}"


class Report(msgspec.Struct, frozen=True, tag="report"):
    """The role serves; what it needs for that, by name, and whether it has it."""

    checks: dict[str, bool]

    @property
    def ready(self) -> bool:
        """Whether it has all of it."""
        return all(self.checks.values())


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """The role could not go on, for a reason that an operator understands: one line.

    ``configuration`` tells that trying again cannot help.
    """

    message: str
    configuration: bool


class Applied(msgspec.Struct, frozen=True, tag="applied"):
    """The role goes by the declaration of this number, or by a newer one."""

    number: int


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """The Admin API was sent a declaration, which is valid and shall be that of all processes.

    ``offer`` is the child's own number for it; ``content`` is the declaration, encoded.
    """

    offer: int
    content: bytes

    def __repr__(self) -> str:
        return f"Offer({self.offer})"  # the content holds keys


Message = Report | Failure | Applied | Offer


class Load(msgspec.Struct, frozen=True, tag="load"):
    """This is the declaration to go by from now on; numbers grow."""

    number: int
    content: bytes

    def __repr__(self) -> str:
        return f"Load({self.number})"  # the content holds keys


class Settled(msgspec.Struct, frozen=True, tag="settled"):
    """What was offered is in force; ``applied``: every process that serves goes by it."""

    offer: int
    applied: bool


Order = Load | Settled


class ParentEnd:
    """The supervisor's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.msgpack.Decoder(Message)

    @classmethod
    async def open(cls, end: socket.socket) -> "ParentEnd":
        """Take over the parent's end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, told: ChildSpec | Order) -> None:
        """Tell the child what it is, or what to do. One that is gone already is no error here."""
        try:
            self._writer.write(_framed(msgspec.msgpack.encode(told, enc_hook=encode_secret)))
            async with asyncio.timeout(_SEND_SECONDS):
                await self._writer.drain()
        except (OSError, TimeoutError):
            return  # its exit, or its silence, tells more

    async def receive(self) -> Message | None:
        """Return the next thing that the child says, or None: it closed its end.

        Raises:
            ValueError: It says what nobody understands.
        """
        frame = await _read_frame(self._reader)
        return None if frame is None else self._decoder.decode(frame)

    def close(self) -> None:
        """Close this end: the child takes it for our end."""
        self._writer.close()


class ChildEnd:
    """The child's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.msgpack.Decoder(Order)

    @classmethod
    async def open(cls, descriptor: int) -> "ChildEnd":
        """Take over the descriptor that this process was started with."""
        end = socket.socket(fileno=descriptor)
        end.set_inheritable(False)  # or a grandchild would keep it open after our end
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def receive(self) -> ChildSpec | None:
        """Return what this process is to be, or None: the parent is gone already.

        Raises:
            ValueError: It says something else.
        """
        frame = await _read_frame(self._reader)
        if frame is None:
            return None
        return msgspec.msgpack.decode(frame, type=ChildSpec, dec_hook=decode_secret)

    async def receive_order(self) -> Order | None:
        """Return the next thing that the parent wants, or None: it is gone.

        Raises:
            ValueError: It says what nobody understands.
        """
        frame = await _read_frame(self._reader)
        return None if frame is None else self._decoder.decode(frame)

    def say(self, message: Message) -> bool:
        """Tell the parent. Never blocks: what a parent that does not listen misses is lost.

        Returns False if it is.
        """
        if self._writer.transport.get_write_buffer_size() >= _MAX_UNSENT:
            return False
        self._writer.write(_framed(msgspec.msgpack.encode(message)))
        return True

    async def close(self) -> None:
        """Send what was said, and close."""
        self._writer.close()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH, "big") + content


async def _read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next frame, or None: the other end was closed, also in the middle of one."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        if length > _MAX_FRAME:
            raise ValueError("a frame of impossible length")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
