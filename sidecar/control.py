"""What a supervisor and its children say to each other, over one socket pair per child.

The parent writes one line, a ``ChildSpec``, and then keeps the socket open: its end means that the
parent is gone, however it went.  The child writes a line for each ``Report`` and ``Failure``.
Secrets travel here and nowhere else: not in arguments, not in the environment.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Literal

import msgspec

from sidecar.secret import Secret
from sidecar.settings import Settings, decode_secret, encode_secret

Role = Literal["authsvc", "analytics", "admin"]

# How long a role may take to drain before it is killed. All of them, one wave after the other,
# fit into the 30 s that Kubernetes grants.
DRAIN_SECONDS: Mapping[Role, float] = {"authsvc": 12.0, "admin": 6.0, "analytics": 12.0}

_MAX_LINE = 1 << 20  # bytes
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
    """

    role: Role
    worker: int
    settings: Settings
    database_url: Secret
    root_key: Secret | None
    metrics_dir: str | None = None

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


Message = Report | Failure


class ParentEnd:
    """The supervisor's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.json.Decoder(Message)

    @classmethod
    async def open(cls, end: socket.socket) -> "ParentEnd":
        """Take over the parent's end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_MAX_LINE))

    async def send(self, spec: ChildSpec) -> None:
        """Tell the child what it is. A child that is gone already is no error here."""
        try:
            self._writer.write(msgspec.json.encode(spec, enc_hook=encode_secret) + b"\n")
            async with asyncio.timeout(_SEND_SECONDS):
                await self._writer.drain()
        except (OSError, TimeoutError):
            return  # its exit, or its silence, tells more

    async def receive(self) -> Message | None:
        """Return the next thing that the child says, or None: it closed its end.

        Raises:
            ValueError: It says what nobody understands.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return self._decoder.decode(line) if line else None

    def close(self) -> None:
        """Close this end: the child takes it for our end."""
        self._writer.close()


class ChildEnd:
    """The child's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, descriptor: int) -> "ChildEnd":
        """Take over the descriptor that this process was started with."""
        end = socket.socket(fileno=descriptor)
        end.set_inheritable(False)  # or a grandchild would keep it open after our end
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_MAX_LINE))

    async def receive(self) -> ChildSpec | None:
        """Return what this process is to be, or None: the parent is gone already.

        Raises:
            ValueError: It is no such line.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        return msgspec.json.decode(line, type=ChildSpec, dec_hook=decode_secret)

    def say(self, message: Message) -> None:
        """Tell the parent. Never blocks: what a parent that does not listen misses is lost."""
        if self._writer.transport.get_write_buffer_size() < _MAX_UNSENT:
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def close(self) -> None:
        """Send what was said, and close."""
        self._writer.close()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return
