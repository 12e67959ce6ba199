"""Parts of entries that come again and again, byte for byte: how each is read.

Most headers, all addresses but the client's, and most of what authsvc said are the same in
thousands of entries; whoever reads them remembers them (``analytics.remembered``).
"""

from typing import NamedTuple

from analytics import envoy_names
from analytics.pb.accesslog_pb2 import Address, StructEntry, TextEntry, TLSProperties

_FLAGS = frozenset({"anonymous"})


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


def read_text(piece: bytes) -> tuple[str, str]:
    """Return an entry of a map of texts."""
    entry = TextEntry.FromString(piece)
    return entry.key, entry.value


def read_said(piece: bytes) -> tuple[str, str | bool | None]:
    """Return an entry of a verdict: a flag, a text, or None where it is something else."""
    entry = StructEntry.FromString(piece)
    value = entry.value
    if entry.key in _FLAGS:
        # In ext_authz's HTTP mode every value of the verdict is text.
        return entry.key, value.bool_value or value.string_value == "true"
    return entry.key, value.string_value or None


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
