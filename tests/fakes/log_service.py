"""A real access-log sink, which keeps every entry, and can go away and come back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage

from tests.fakes.check_service import add_health

_SERVICE = "envoy.service.accesslog.v3.AccessLogService"


@dataclass
class LogService:
    """``entries`` holds every entry, ``raw`` every byte; ``port`` is chosen by the first start."""

    port: int = 0
    entries: list[HTTPAccessLogEntry] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    _server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server()
        handlers = {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(self._stream)}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, handlers),)
        )
        add_health(self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def _stream(self, messages: AsyncIterator[bytes], _context: object) -> bytes:
        async for payload in messages:
            self.raw += payload
            message = StreamAccessLogsMessage.FromString(payload)
            self.entries.extend(message.http_logs.log_entry)
        return b""
