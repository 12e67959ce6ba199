"""The real Admin API on a free port, on stores of the test's choice."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from authsvc.blind_index import BlindIndex
from authsvc.keyring import Keyring
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.address import TcpAddress
from sidecar.admin import AdminServer, create_admin_app
from sidecar.secret import Secret
from tests.clients.admin_client import AdminClient

TOKEN = "open sesame".replace(" ", "-")


def sealer() -> Sealer:
    """Return a sealer with keys of its own."""
    return Sealer(
        keyring=Keyring({"testkey1": bytes(range(32))}, active="testkey1"),
        blind_index=BlindIndex(bytes(32)),
    )


@asynccontextmanager
async def serving(
    stores: Stores,
    *,
    token: str | None = None,
    clock: Callable[[], float] = time.time,
    **options: Any,
) -> AsyncIterator[AdminClient]:
    """Serve the Admin API, and yield a client that may speak to it."""
    app = create_admin_app(
        stores=stores,
        sealer=options.pop("sealer", None) or sealer(),
        token=Secret(token) if token else None,
        clock=clock,
        **options,
    )
    async with AdminServer(app, address=TcpAddress("127.0.0.1", 0)) as server:
        assert isinstance(server.address, TcpAddress)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        yield AdminClient(server.address.port, **headers)
