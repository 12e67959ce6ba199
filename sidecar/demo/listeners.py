"""The demo's ports: which flag changes which, and whether they are free."""

import errno
import socket
from collections.abc import Mapping
from contextlib import ExitStack

from sidecar.address import TcpAddress
from sidecar.errors import SettingsError
from sidecar.settings import Settings, addresses

# The setting that a flag stands for; Envoy's own port is no setting.
FLAGS: Mapping[str, str] = {
    "admin.listen": "--admin-port",
    "authsvc.grpc": "--authsvc-port",
    "authsvc.http": "--authsvc-http-port",
    "analytics.grpc": "--analytics-port",
    "diagnostics.listen": "--diagnostics-port",
}
ENVOY_FLAG = "--envoy-port"
HOST = "127.0.0.1"


def refuse_taken(settings: Settings, *, envoy_port: int) -> None:
    """Return if every port that the demo needs can be listened on.

    Raises:
        SettingsError: One cannot; the text names it and the flag that changes it.
    """
    wanted = {ENVOY_FLAG: TcpAddress(HOST, envoy_port)}
    for name, address in addresses(settings).items():
        if isinstance(address, TcpAddress):
            wanted[FLAGS[name]] = address
    with ExitStack() as held:  # all at once: one port given twice is found too
        for flag, address in wanted.items():
            _hold(address, flag, held)


def _hold(address: TcpAddress, flag: str, held: ExitStack) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    probe = held.enter_context(socket.socket(family))
    # As listeners do: what is left of connections past does not stand in the way.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((address.host, address.port))
        probe.listen()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        problem = "is taken" if taken else f"cannot be listened on ({error.strerror})"
        raise SettingsError(f"port {address.port} {problem}: choose another with {flag}") from None
