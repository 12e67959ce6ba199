"""Turns bytes from Envoy into plain values, and back.

What callers can rely on:

1. ``Decoder.decode`` never raises, whatever the bytes.
2. One bad entry costs that entry only.
3. A large message comes in portions, so that others get a turn between them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from analytics.entry import EntryReader
from analytics.entry_reading import quicker_reader
from analytics.entry_wire import EntryWire
from analytics.pb.accesslog_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from analytics.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from analytics.record import AccessRecord, Sender

END_OF_STREAM = StreamAccessLogsResponse().SerializeToString()
PORTION = 64  # entries: some milliseconds, with all that is done about them


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a message, or a portion of it, holds.

    Attributes:
        sender: Who sends; None in all messages of a stream but the first.
        records: The finished requests, in the message's order.
        unfinished: Entries about requests that still go on.
        malformed: Entries that could not be read, or 1 if the whole message could not.
    """

    sender: Sender | None
    records: list[AccessRecord]
    unfinished: int = 0
    malformed: int = 0


class Decoder:
    """Reads access log messages.

    Args:
        entries: Who reads entries; None: the quicker one in this build.
    """

    def __init__(self, entries: EntryReader | EntryWire | None = None) -> None:
        self._entries = entries or quicker_reader()

    def decode(self, message: bytes, *, received: int) -> Iterator[Decoded]:
        """Yield what a StreamAccessLogsMessage holds, in portions; at least one.

        Args:
            message: Its bytes.
            received: Now, in nanoseconds since the epoch, for entries that do not say when they
                began.
        """
        try:
            parsed = StreamAccessLogsMessage.FromString(message)
        except DecodeError:
            yield Decoded(None, [], malformed=1)
            return
        sender = _sender(parsed.identifier)
        entries = parsed.http_logs.log_entry
        for start in range(0, len(entries) or 1, PORTION):
            yield self._portion(sender, entries[start : start + PORTION], received)

    def _portion(self, sender: Sender | None, entries: Sequence[bytes], received: int) -> Decoded:
        records = []
        unfinished = malformed = 0
        for entry in entries:
            try:
                record = self._entries.read(entry, received=received)
            except DecodeError:
                malformed += 1
            else:
                if record is None:
                    unfinished += 1
                else:
                    records.append(record)
        return Decoded(sender, records, unfinished, malformed)


def _sender(identifier: bytes) -> Sender | None:
    if not identifier:
        return None
    try:
        parsed = StreamAccessLogsMessage.Identifier.FromString(identifier)
    except DecodeError:
        return None
    return Sender(parsed.node.id, parsed.node.cluster, parsed.log_name)


def decode_health_request(payload: bytes) -> str | None:
    """Return the service that a HealthCheckRequest asks for, or None if it is not one."""
    try:
        return HealthCheckRequest.FromString(payload).service
    except DecodeError:
        return None


def encode_health(*, serving: bool | None) -> bytes:
    """Return a HealthCheckResponse; None stands for a service that is not known."""
    status = HealthCheckResponse.SERVICE_UNKNOWN
    if serving is not None:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
    return HealthCheckResponse(status=status).SerializeToString()
