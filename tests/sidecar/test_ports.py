"""A taken address is found before anything starts, and named with its setting."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.address import TcpAddress, UnixAddress
from sidecar.errors import SettingsError
from sidecar.ports import refuse_taken


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), reuse_port=True)) as server:
        yield server


def test_free_addresses_are_fine_and_stay_free(tmp_path: Path) -> None:
    addresses = {
        "authsvc.grpc": TcpAddress("127.0.0.1", 0),
        "authsvc.http": TcpAddress("localhost", 0),
        "admin.listen": TcpAddress("::1", 0),
        "analytics.grpc": UnixAddress(str(tmp_path / "socket")),
    }
    refuse_taken(addresses)
    refuse_taken(addresses)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_taken_port_is_named_with_its_setting(listener: socket.socket, host: str) -> None:
    port = listener.getsockname()[1]
    told = f"admin.listen (TOLLKEEPER_ADMIN__LISTEN): cannot listen on {host}:{port}: another"
    with pytest.raises(SettingsError, match=f"^{re.escape(told)}"):
        refuse_taken({"admin.listen": TcpAddress(host, port)})


def test_connections_past_do_not_take_a_port(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    client = socket.create_connection((host, port))
    served, _ = listener.accept()
    served.close()  # whoever closes first keeps the port in TIME_WAIT
    client.close()
    listener.close()
    refuse_taken({"admin.listen": TcpAddress(host, port)})


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:0: this machine does not have"):
        refuse_taken({"admin.listen": TcpAddress("192.0.2.1", 0)})


def test_a_name_that_does_not_resolve_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on name\.invalid:80: "):
        refuse_taken({"admin.listen": TcpAddress("name.invalid", 80)})


def test_a_taken_socket_is_named_with_its_setting(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        server.listen()
        with pytest.raises(SettingsError, match=rf"authsvc\.grpc .*unix:{path}: another"):
            refuse_taken({"authsvc.grpc": UnixAddress(str(path))})


def test_a_socket_that_nobody_listens_on_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
    refuse_taken({"authsvc.grpc": UnixAddress(str(path))})
    assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.touch()
    with pytest.raises(SettingsError, match="a file that is not a socket"):
        refuse_taken({"authsvc.grpc": UnixAddress(str(path))})
    assert path.exists()


def test_a_directory_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="its directory does not exist"):
        refuse_taken({"authsvc.grpc": UnixAddress("/nowhere/at/all/socket")})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="not permitted"):
        refuse_taken({"authsvc.grpc": UnixAddress(str(tmp_path / "socket"))})
