"""Ports for processes that must be told theirs before they start.

Nobody takes such a port between our asking for it and its use:

1. It is outside of the range from which the system takes ports for connections, and for who asks
   for any port at all.
2. Whole blocks of ports belong to one process of tests for as long as it lives: a Unix socket in
   the abstract namespace says so, which is as far as ports reach, and which the kernel lets go.
3. Within a process no port is given out twice.
"""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

_HOST = "127.0.0.1"
_BLOCK = 100  # ports
_CHOICE = range(10_000, 65_000, _BLOCK)  # where blocks begin
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens, and which is nobody else's."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False  # some other program's
    return True


def _our_ports() -> Iterator[int]:
    lowest, highest = map(int, _EPHEMERAL.read_text().split())
    apart = [start for start in _CHOICE if start + _BLOCK <= lowest or start > highest]
    # In any order: others who begin at the same time look for theirs elsewhere.
    starts = random.sample(apart or _CHOICE, len(apart or _CHOICE))
    for start in filter(_is_taken_by_us, starts):
        yield from range(start, start + _BLOCK)
    raise RuntimeError("all ports for tests are taken")


def _is_taken_by_us(start: int) -> bool:
    lease = socket.socket(socket.AF_UNIX)
    try:
        lease.bind(f"\0tollkeeper-tests-ports-{start}")
    except OSError:
        lease.close()
        return False
    lease.detach()  # held until this process ends
    return True


_PORTS = _our_ports()
