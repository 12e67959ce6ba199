"""Whether addresses are free, asked before anything starts.

Workers share a port by ``SO_REUSEPORT``, with which a second supervisor of the same user would
quietly get half of the first one's requests: it must find out before.
"""

import errno
import os
import socket
import stat
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sidecar.address import Address, TcpAddress, UnixAddress
from sidecar.settings_fields import FIELDS

_ANSWER_SECONDS = 1.0


def refuse_taken(addresses: Mapping[str, Address]) -> None:
    """Return if every address can be listened on.

    Args:
        addresses: By full setting name.

    Raises:
        SettingsError: One cannot; the text names the address and the setting.
    """
    for name, address in addresses.items():
        try:
            if isinstance(address, TcpAddress):
                _try_port(address)
            else:
                _try_path(address)
        except OSError as error:
            problem = _PROBLEMS.get(error.errno or 0, error.strerror)
            raise FIELDS[name].error(f"cannot listen on {address}: {problem}") from None


_PROBLEMS = {
    errno.EADDRINUSE: "another program does already",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EACCES: "not permitted",
    errno.ENOTDIR: "its directory does not exist",
    errno.ENOENT: "its directory does not exist",
    errno.EEXIST: "there is a file that is not a socket",
}


def _try_port(address: TcpAddress) -> None:
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, kind, protocol, _, place in found:
        with closing(socket.socket(family, kind, protocol)) as probe:
            # As listeners do: what is left of connections past does not stand in the way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(place)


def _try_path(address: UnixAddress) -> None:
    path = Path(address.path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES if path.parent.is_dir() else errno.ENOTDIR, "")
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(errno.EEXIST, "")
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect(address.path)
        except (ConnectionRefusedError, FileNotFoundError):
            return  # left behind by a listener that is gone; the next one replaces it
    raise OSError(errno.EADDRINUSE, "")
