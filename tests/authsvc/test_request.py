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


@pytest.mark.parametrize(
    ("content_type", "http2", "is_grpc"),
    [
        (b"application/grpc", True, True),
        (b"application/grpc+proto", True, True),
        (b"application/grpc", False, False),
        (b"application/json", True, False),
        (None, True, False),
    ],
)
def test_grpc_is_its_content_type_over_http_2(
    content_type: bytes | None, http2: bool, is_grpc: bool
) -> None:
    headers = () if content_type is None else (("content-type", content_type),)
    assert Request(method="POST", path="/", headers=headers, http2=http2).is_grpc is is_grpc


def test_its_repr_shows_nothing_that_a_client_sent_but_the_method() -> None:
    request = Request(
        method="GET", path="/?apikey=SECRET", headers=(("apikey", b"SECRET"),), body=b"SECRET"
    )
    assert "SECRET" not in repr(request)
