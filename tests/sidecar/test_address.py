"""Addresses to listen on are read strictly, and loopback is told apart."""

import re

import pytest

from sidecar.address import TcpAddress, UnixAddress, is_loopback, parse_address

GOOD = {
    "127.0.0.1:9191": TcpAddress("127.0.0.1", 9191),
    "0.0.0.0:0": TcpAddress("0.0.0.0", 0),
    "localhost:65535": TcpAddress("localhost", 65535),
    "a-b.example.org:80": TcpAddress("a-b.example.org", 80),
    "[::1]:8001": TcpAddress("::1", 8001),
    "[::]:1": TcpAddress("::", 1),
    "unix:/run/tollkeeper.sock": UnixAddress("/run/tollkeeper.sock"),
    "unix:relative.sock": UnixAddress("relative.sock"),
}

BAD = [
    "",
    "9191",
    ":9191",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1:+1",
    "127.0.0.1: 1",
    "127.0.0.1:1_0",
    "127.0.0.1:٨٠",
    "127.0.0.1:" + "9" * 5000,
    "127.0.0:1",
    "256.1.1.1:1",
    "::1:8001",
    "[::1]",
    "[127.0.0.1]:80",
    "[canary]:80",
    "can ary:80",
    "http://canary:80",
    "-canary:80",
    "unix:",
    "unix:/canary" + "x" * 107,
    "unix:/a\0b",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_read(text: str) -> None:
    assert parse_address(text) == GOOD[text]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert parse_address(str(parse_address(text))) == GOOD[text]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|at most") as caught:
        parse_address(text)
    assert not re.search("can ?ary", str(caught.value))


@pytest.mark.parametrize(
    "text", ["localhost:1", "LOCALHOST:1", "127.0.0.1:1", "127.8.9.1:1", "[::1]:1"]
)
def test_loopback_is_loopback(text: str) -> None:
    assert is_loopback(parse_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.1:1",
        "128.0.0.1:1",
        "localhost.example.org:1",
        "[::ffff:127.0.0.1]:1",
        "unix:/run/x",
    ],
)
def test_nothing_else_is_loopback(text: str) -> None:
    assert not is_loopback(parse_address(text))
