"""Claims about the HTTP face and those who would misuse it."""

import logging
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from authsvc.extauthz.http_listener import serve
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from tests.clients.raw_http import Response, exchange
from tests.fakes.authenticator import make_authenticator

KEY = "the-key"
CANARY = "canary-5f0c"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = KeyAuthConfig(hide_credentials=True, key_in_body=True)
    authenticator = make_authenticator(config, key=KEY)
    async with serve("127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics()) as address:
        yield int(address.rpartition(":")[2])


class Blocking:
    """Rules that block every request."""

    headers = (("x-why", "a rule&=%"), ("result", "allow"), ("x-envoy-auth-headers-to-remove", "x"))
    rule = "R"
    body = ""

    def __init__(self, status: int) -> None:
        self.status = status
        self.block = self

    def governs(self, _route: str | None, _service: str | None) -> bool:
        return True

    def judge(self, _request: object, _caller: object) -> "Blocking":
        return self


async def ask(port: int, *lines: str, body: bytes = b"") -> Response:
    head = "\r\n".join([*lines, "connection: close", "", ""])
    return await exchange(port, head.encode("latin-1") + body)


def removed(response: Response) -> set[str]:
    return set(response.headers["x-envoy-auth-headers-to-remove"].split(", "))


async def test_a_path_for_envoy_to_take_is_ours_or_none(port: int) -> None:
    request = ("host: a", f"apikey: {KEY}", "x-tollkeeper-path: /admin")

    unchanged = await ask(port, "GET /a HTTP/1.1", *request)
    rewritten = await ask(port, "GET /a?b&apikey=c HTTP/1.1", *request)

    assert "x-tollkeeper-path" not in unchanged.headers
    assert "x-tollkeeper-path" in removed(unchanged)
    assert rewritten.headers["x-tollkeeper-path"] == "/a?b"
    assert "x-tollkeeper-path" not in removed(rewritten)  # Envoy would remove what we set


async def test_the_upstream_does_not_see_which_route_was_asked_about(port: int) -> None:
    response = await ask(port, "GET / HTTP/1.1", "host: a", f"apikey: {KEY}")

    assert {"x-tollkeeper-route", "x-tollkeeper-service"} <= removed(response)


@pytest.mark.parametrize(("status", "answered"), [(200, 403), (204, 204), (429, 429), (503, 403)])
async def test_a_rule_that_blocks_never_answers_what_envoy_takes_for_a_pass(
    status: int, answered: int
) -> None:
    authenticator = make_authenticator(KeyAuthConfig(), key=KEY)
    authenticator.governance = Blocking(status)
    async with serve("127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics()) as address:
        port = int(address.rpartition(":")[2])
        response = await ask(port, "GET / HTTP/1.1", "host: a", f"apikey: {KEY}")
    assert response.status == answered
    assert response.headers["blocked_by"] == "R"
    assert response.headers["x-why"] == "a rule&=%"
    # The same for Lua, as Envoy passes on no header whose name it was not told.
    assert response.headers["rule_headers"] == "x-why=a%20rule%26%3D%25"


async def test_a_request_for_two_hosts_is_refused(port: int) -> None:
    assert (await ask(port, "GET / HTTP/1.1", "host: a,b", f"apikey: {KEY}")).status == 400


MALFORMED = {
    "target": ("GET /\xff?other=" + CANARY + " HTTP/1.1", "host: a"),
    "method": ("G\xffT /" + CANARY + " HTTP/1.1", "host: a"),
    "value": ("GET / HTTP/1.1", "host: a", f"x-other: {CANARY}\x01"),
    "name": ("GET / HTTP/1.1", "host: a", f"x-{CANARY}\xff: 1"),
    "long value": ("GET / HTTP/1.1", "host: a", f"x-other: {CANARY}{'x' * 70_000}"),
    "chunk": ("POST / HTTP/1.1", "host: a", "transfer-encoding: chunked", f"x-other: {CANARY}"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_malformed_is_refused_and_quoted_nowhere(
    port: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        response = await ask(port, *MALFORMED[name], body=b"zz\r\n")

    assert (response.status, response.body) == (400, b"Bad request")
    assert CANARY not in f"{logged} {caplog.text}"


async def test_a_body_is_not_unpacked(port: int) -> None:
    lines = ("POST / HTTP/1.1", "host: a", "content-encoding: gzip", "content-length: 4")

    response = await ask(port, *lines, f"apikey: {KEY}", body=b"none")

    assert response.status == 200
