"""Parts of entries that come again and again, byte for byte: how each is read.

Most headers, all addresses but the client's, and most of what authsvc said are the same in
thousands of entries; whoever reads them remembers them (``analytics.remembered``).
"""

from typing import NamedTuple

from google.protobuf.wrappers_pb2 import UInt32Value

from analytics import envoy_names
from analytics.pb.accesslog_pb2 import (
    Address,
    ResponseFlags,
    StructEntry,
    TextEntry,
    TLSProperties,
)

_FLAGS = frozenset({"anonymous"})
# Headers whose values are another for each request, and such as nobody should keep for long.
UNIQUE_HEADERS = frozenset(
    {
        *("authorization", "cookie", "set-cookie", "etag", "if-none-match"),
        *("traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"),
        *("x-amzn-trace-id", "x-cloud-trace-context", "x-correlation-id", "x-request-id"),
    }
)
UNIQUE_SAID = frozenset({"transaction_id", "token_user_id"})
# What stands in a piece before the key and before the value.
_KEY, _VALUE = 0x0A, 0x12
_SHORT = 0x80  # a length below it takes one byte


class Tls(NamedTuple):
    """What is known of a connection with TLS; all empty without."""

    version: str
    server_name: str
    peer_subject: str
    peer_uris: tuple[str, ...]


def read_header(piece: bytes) -> tuple[str, str] | None:
    """Return a header's name in lower case and its value, or None for a pseudo header."""
    name, value = read_text(piece)
    return None if name.startswith(":") else (name.lower(), value)


def header_recurs(header: tuple[str, str] | None) -> bool:
    """Tell whether other requests are likely to have the same header."""
    return header is None or header[0] not in UNIQUE_HEADERS


def read_text(piece: bytes) -> tuple[str, str]:
    """Return an entry of a map of texts."""
    # Nearly all are a short key and a short value: to cut these out takes half as long.
    try:
        end = piece[1] + 2
        start = end + 2
        if (
            piece[0] == _KEY
            and piece[end] == _VALUE
            and piece[end + 1] == len(piece) - start < _SHORT
            and piece[1] < _SHORT
        ):
            return piece[2:end].decode(), piece[start:].decode()
    except (IndexError, UnicodeDecodeError):
        pass  # a fault of the piece, which is then found below
    entry = TextEntry.FromString(piece)
    return entry.key, entry.value


def read_said(piece: bytes) -> tuple[str, str | bool | None]:
    """Return an entry of a verdict: a flag, a text, or None where it is something else."""
    entry = StructEntry.FromString(piece)
    key, value = entry.key, entry.value
    if key in _FLAGS:
        # In ext_authz's HTTP mode every value of the verdict is text.
        return key, value.bool_value or value.string_value == "true"
    return key, value.string_value or None


def said_recurs(said: tuple[str, str | bool | None]) -> bool:
    """Tell whether other verdicts are likely to say the same."""
    return said[0] not in UNIQUE_SAID


def read_address(piece: bytes) -> str:
    """Return the IP address of an Address; empty where it is something else."""
    return Address.FromString(piece).socket_address.address


def read_host_and_port(piece: bytes) -> str:
    """Return the same with its port, as it stands in URLs."""
    socket = Address.FromString(piece).socket_address
    host = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{host}:{socket.port_value}" if host else ""


def read_tls(piece: bytes) -> Tls:
    """Return what TLSProperties say."""
    tls = TLSProperties.FromString(piece)
    certificate = tls.peer_certificate_properties
    names = certificate.subject_alt_name
    return Tls(
        version=envoy_names.name_of(envoy_names.TLS_VERSIONS, tls.tls_version),
        server_name=tls.tls_sni_hostname,
        peer_subject=certificate.subject,
        peer_uris=tuple(name.uri for name in names if name.HasField("uri")),
    )


def read_flags(piece: bytes) -> tuple[str, ...]:
    """Return Envoy's short names of the ResponseFlags that are set."""
    names = envoy_names.RESPONSE_FLAGS
    return tuple(names[field.name] for field, _ in ResponseFlags.FromString(piece).ListFields())


def read_status(piece: bytes) -> int | None:
    """Return the number in a UInt32Value; None for zero, which is no status."""
    return UInt32Value.FromString(piece).value or None
