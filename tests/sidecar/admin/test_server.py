"""Where the Admin API listens."""

import asyncio
from pathlib import Path

import pytest

from authsvc.memory import MemoryDatabase
from sidecar.address import Address, TcpAddress, UnixAddress
from sidecar.admin import AdminServer, create_admin_app
from sidecar.errors import SettingsError
from sidecar.secret import Secret
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import sealer

ANY = TcpAddress("127.0.0.1", 0)


def server(address: Address, token: str | None = None) -> AdminServer:
    app = create_admin_app(
        stores=MemoryDatabase(), sealer=sealer(), token=Secret(token) if token else None
    )
    return AdminServer(app, address=address)


async def test_a_taken_port_is_an_error_of_its_own() -> None:
    async with server(ANY) as first:
        with pytest.raises(OSError, match="address already in use"):
            async with server(first.address):
                pass


OPEN = [TcpAddress("0.0.0.0", 0), TcpAddress("::", 0), TcpAddress("admin.test", 0)]


@pytest.mark.parametrize("address", [*OPEN, UnixAddress("none.sock")], ids=str)
async def test_only_loopback_is_served_without_a_token(address: Address) -> None:
    with pytest.raises(SettingsError, match=r"admin\.token_file is required"):
        async with server(address):
            pass


async def test_with_a_token_any_address_will_do() -> None:
    async with server(OPEN[0], "token") as open_to_all:
        assert isinstance(open_to_all.address, TcpAddress)
        client = AdminClient(open_to_all.address.port, Authorization="Bearer token")
        assert (await client.get("/consumers")).status == 200


async def test_a_socket_in_the_file_system_will_do(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "admin.sock"))
    async with server(address, "token") as listening:
        assert listening.address == address
        reader, writer = await asyncio.open_unix_connection(address.path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        writer.close()


async def test_nobody_is_answered_after_it_stopped() -> None:
    async with server(ANY) as running:
        assert isinstance(running.address, TcpAddress)
        client = AdminClient(running.address.port)
        assert (await client.get("/consumers")).status == 200
    with pytest.raises(ConnectionRefusedError):
        await client.get("/consumers")
