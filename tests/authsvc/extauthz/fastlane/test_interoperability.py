"""Tools that speak HTTP/2, and are not ours, ask the fast lane; see test_server for grpcio."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from authsvc.extauthz.fastlane import face
from authsvc.extauthz.fastlane.grpc_wire import prefixed
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from tests.fakes.authenticator import make_authenticator
from tests.fakes.check_requests import check_request

HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")
GOOD = check_request(headers=[("apikey", b"good")]).SerializeToString()


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not on this machine")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    authenticator = make_authenticator(KeyAuthConfig(), key="good")
    serving = face.serve("127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics())
    async with serving as address:
        yield f"http://{address}/envoy.service.auth.v3.Authorization/Check"


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body"
    path.write_bytes(prefixed(GOOD))
    return path


async def run(*command: str | Path) -> bytes:
    """Run a tool; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said


@needs("nghttp")
@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="as it is"),
        pytest.param(("--header-table-size=0",), id="without a header table"),
        pytest.param(("--window-bits=5", "--connection-window-bits=6"), id="tiny windows"),
        pytest.param(("--padding=200",), id="padding"),
        pytest.param(("--continuation",), id="continuation"),
        pytest.param(("--multiply=50",), id="many at once"),
        pytest.param(("--trailer=x-checked: yes",), id="trailers"),
    ],
)
async def test_nghttp_is_answered(url: str, body: Path, more: tuple[str, ...]) -> None:
    said = await run("nghttp", "-v", *HEADERS, "-d", body, *more, url)

    answers = 50 if "--multiply=50" in more else 1
    assert said.count(b") grpc-status: 0") == answers
    assert b"recv GOAWAY" not in said
    assert b"recv RST_STREAM" not in said


@needs("h2load")
@pytest.mark.parametrize(
    "more",
    [
        pytest.param(("-c8", "-m32"), id="many at once"),
        pytest.param(("-c2", "-m8", "-w9", "-W9"), id="tiny windows"),
        pytest.param(("-c2", "-m8", "--header-table-size=0"), id="without a header table"),
    ],
)
async def test_h2load_sees_no_failure(url: str, body: Path, more: tuple[str, ...]) -> None:
    said = await run("h2load", "-n400", *more, *HEADERS, "-d", body, url)

    assert b"400 succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert b"status codes: 400 2xx" in said


@needs("curl")
async def test_curl_is_answered(url: str, body: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer"

    said = await run(
        *("curl", "-sS", "-D", "-", "-o", answer, "--http2-prior-knowledge"),
        *(*HEADERS, "--data-binary", f"@{body}", url),
    )

    assert re.match(rb"HTTP/2 200", said)
    assert CheckResponse.FromString(answer.read_bytes()[5:]).HasField("ok_response")


@needs("curl")
async def test_curl_is_told_what_is_not_grpc(url: str) -> None:
    said = await run("curl", "-sS", "-D", "-", "--http2-prior-knowledge", url)

    assert re.match(rb"HTTP/2 405", said)
