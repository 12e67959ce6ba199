"""Where Envoy finds what listens at an address of the settings."""

from sidecar.address import Address, TcpAddress

# Who listens on every address is reached on the loopback one: by default Envoy is beside us.
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def target_of(address: Address) -> Address:
    """Return the address to connect to for an address that is listened on."""
    if isinstance(address, TcpAddress):
        return TcpAddress(_EVERY.get(address.host, address.host), address.port)
    return address
