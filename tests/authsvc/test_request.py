"""Claims about a request as the decision sees it."""

import pytest

from authsvc.request import Request


def test_values_come_in_order_and_apart() -> None:
    request = Request(method="GET", path="/", headers=(("a", b"1"), ("b", b"2"), ("a", b"3")))
    assert list(request.values("a")) == [b"1", b"3"]
    assert request.first("a") == "1"
    assert request.first("c") == ""


def test_a_header_that_is_no_utf_8_can_still_be_read_as_text() -> None:
    request = Request(method="GET", path="/", headers=(("a", b"x\xff"),))
    assert request.first("a") == "x\ufffd"


GRPC = {
    "application/grpc": True,
    "application/grpc+proto": True,
    # Envoy does not take these for gRPC, and answers them in plain HTTP.
    "application/grpc-web": False,
    "application/grpc; charset=utf-8": False,
    "Application/gRPC": False,
    "application/json": False,
    "": False,
}


@pytest.mark.parametrize("content_type", GRPC)
def test_grpc_is_what_envoy_takes_for_it(content_type: str) -> None:
    headers = (("content-type", content_type.encode()),)
    assert Request(method="POST", path="/", headers=headers).is_grpc is GRPC[content_type]
    assert not Request(method="POST", path="/").is_grpc


def test_its_repr_shows_nothing_that_a_client_sent_but_the_method() -> None:
    request = Request(
        method="GET", path="/?apikey=SECRET", headers=(("apikey", b"SECRET"),), body=b"SECRET"
    )
    assert "SECRET" not in repr(request)
