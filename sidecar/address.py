"""Where to listen: ``host:port``, ``[v6]:port`` or ``unix:/path``."""

import ipaddress
import re
from dataclasses import dataclass

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
_MAX_PORT = 65535
_MAX_SOCKET_PATH = 107  # bytes: sun_path on Linux, less its NUL


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host (a name, an IPv4 or an IPv6 address, without brackets) and a port; port 0: any."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Read an address to listen on.

    Raises:
        ValueError: It is not one; the message says what is wrong, without the text itself.
    """
    if text.startswith("unix:"):
        return UnixAddress(_socket_path(text.removeprefix("unix:")))
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError("expected host:port, [v6]:port or unix:/path")
    return TcpAddress(_host(host), _port(port))


def is_loopback(address: Address) -> bool:
    """Tell whether only programs of this very host can connect over the network.

    ``localhost``, 127.0.0.0/8 and ``::1`` are; any other name is not, whatever it resolves to.
    """
    if isinstance(address, UnixAddress):
        return False
    if address.host.lower() == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(address.host)
    except ValueError:
        return False
    return ip in _LOOPBACK if ip.version == 4 else ip == ipaddress.IPv6Address("::1")  # noqa: PLR2004 - IPv4


def is_ip(host: str) -> bool:
    """Tell whether a host is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _socket_path(path: str) -> str:
    if not path or "\0" in path:
        raise ValueError("expected a path after unix:")
    if len(path.encode()) > _MAX_SOCKET_PATH:
        raise ValueError(f"the path of a unix socket has at most {_MAX_SOCKET_PATH} bytes")
    return path


def _port(text: str) -> int:
    # isdecimal alone lets through the digits of other scripts.
    if text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_PORT)):
        port = int(text)
        if port <= _MAX_PORT:
            return port
    raise ValueError(f"expected a port from 0 to {_MAX_PORT} after the last colon")


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return _ip(text[1:-1], "expected an IPv6 address between the brackets", version=6)
    if ":" in text:
        raise ValueError("expected an IPv6 address in brackets, such as [::1]:8001")
    if text.replace(".", "").isdecimal():
        return _ip(text, "expected a complete IPv4 address before the port", version=4)
    if not _HOST_NAME.fullmatch(text):
        raise ValueError("expected a host name or an IP address before the port")
    return text


def _ip(text: str, problem: str, *, version: int) -> str:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(problem) from None
    if ip.version != version:
        raise ValueError(problem)
    return str(ip)
