"""Ports for processes that must be told theirs before they start."""

import random
import socket

# Below the range from which the system takes ports for outgoing connections: nobody gets one by
# chance between our look and its use.
_LOWEST, _HIGHEST = 15_000, 30_000


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    while True:
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - nobody has to be surprised
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
