import socket

import pytest

from sidecar.demo.listeners import FLAGS, refuse_taken
from sidecar.errors import SettingsError
from sidecar.settings import Settings, load
from tests.fakes.free_port import free_port


def settings_with(**ports: int) -> Settings:
    free = {name: free_port() for name in FLAGS}
    flags = {name: f"127.0.0.1:{port}" for name, port in (free | ports).items()}
    return load(config=None, environ={}, flags=flags)


def test_free_ports_are_fine() -> None:
    refuse_taken(settings_with(), envoy_port=free_port())


@pytest.mark.parametrize("name", FLAGS)
def test_a_taken_port_is_named_with_its_flag(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as refusal:
            refuse_taken(settings_with(**{name: port}), envoy_port=free_port())

    assert str(refusal.value) == f"port {port} is taken: choose another with {FLAGS[name]}"


def test_one_port_given_twice_is_refused() -> None:
    port = free_port()
    with pytest.raises(SettingsError, match=f"port {port} is taken.*--admin-port"):
        refuse_taken(settings_with(**{"admin.listen": port}), envoy_port=port)


def test_a_port_on_every_address_is_taken_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} is taken.*--envoy-port"):
            refuse_taken(settings_with(), envoy_port=port)
