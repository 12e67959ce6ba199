import pytest

from analytics.client_ip import UNKNOWN, client_ip
from tests.fakes.records import record

# X-Forwarded-For -> the address
FORWARDED_FOR = {
    "leftmost": ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
    "the first that is valid": ("unknown, 300.1.1.1, 203.0.113.7", "203.0.113.7"),
    "with a port": ("203.0.113.7:51234", "203.0.113.7"),
    "IPv6": ("2001:db8::1:2", "2001:db8::1:2"),
    "IPv6 in brackets": ("[2001:db8::1]", "2001:db8::1"),
    "IPv6 with a port": ("[2001:db8::1]:443", "2001:db8::1"),
    "junk with colons": ("a::b::c", "10.0.0.9"),
    "a zone": ("fe80::1%eth0", "10.0.0.9"),
    "nothing": ("", "10.0.0.9"),
    "too many to look at": ("," * 5000 + "203.0.113.7", "10.0.0.9"),
}


@pytest.mark.parametrize(("value", "expected"), FORWARDED_FOR.values(), ids=FORWARDED_FOR)
def test_an_address_is_taken_from_a_trusted_header(value: str, expected: str) -> None:
    built = record(client_address="10.0.0.9", request_headers={"x-forwarded-for": value})
    assert client_ip(built, trust_headers=True) == expected


FORWARDED = {
    "one": ("for=203.0.113.7", "203.0.113.7"),
    "among others": ("proto=https; For=203.0.113.7;by=10.0.0.1", "203.0.113.7"),
    "quoted, with a port": ('for="[2001:db8::1]:4711"', "2001:db8::1"),
    "the first of several": ("for=203.0.113.7, for=203.0.113.8", "203.0.113.7"),
    "hidden": ("for=_secret", "10.0.0.9"),
}


@pytest.mark.parametrize(("value", "expected"), FORWARDED.values(), ids=FORWARDED)
def test_the_standard_header_is_understood(value: str, expected: str) -> None:
    built = record(client_address="10.0.0.9", request_headers={"forwarded": value})
    assert client_ip(built, trust_headers=True) == expected


def test_headers_are_not_trusted_unless_told_to() -> None:
    built = record(client_address="10.0.0.9", request_headers={"x-real-ip": "203.0.113.7"})
    assert client_ip(built, trust_headers=False) == "10.0.0.9"


def test_an_event_always_has_an_address() -> None:
    over_a_pipe = record(client_address="", peer_address="")
    assert client_ip(over_a_pipe, trust_headers=True) == UNKNOWN
    behind_a_pipe = record(client_address="", peer_address="10.0.0.9")
    assert client_ip(behind_a_pipe, trust_headers=True) == "10.0.0.9"
