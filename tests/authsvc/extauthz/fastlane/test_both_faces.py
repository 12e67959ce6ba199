"""The same requests to both gRPC faces, over real connections: the same answers."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import CredentialCache, Held
from authsvc.decision import Identity
from authsvc.extauthz import grpc as grpcio
from authsvc.extauthz.checks import SERVICE
from authsvc.extauthz.fastlane import face as fastlane
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.resolver import NotInMemoryError
from authsvc.store import KnownConsumer
from tests.examples import examples
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer

Ask = Callable[[bytes], tuple[CheckResponse, CheckResponse]]

CONFIGS = {
    "as it comes": KeyAuthConfig(),
    "hiding": KeyAuthConfig(hide_credentials=True, key_in_body=True, run_on_preflight=False),
    "anonymous": KeyAuthConfig(anonymous="guest", key_names=("apikey", "X-Key")),
}
REQUEST_ID = re.compile(r"request_id\W+[0-9a-f-]{32,36}")
NAMES = ["apikey", "APIKEY", "x-key", "authorization", "cookie", "content-type", "a"]
VALUES = [b"good", b" good\t", b"stored", b"bad", b"", b"good,bad", b"apikey=good", b"\xff\xfe"]
PATHS = ["/", "/?apikey=good", "/?a=1&apikey=stored&b", "/?%61pikey=good", "*", "", "/\u00e9"]

requests = st.builds(
    check_request,
    method=st.sampled_from(["GET", "OPTIONS", "POST", ""]),
    path=st.sampled_from(PATHS) | st.text(max_size=30),
    headers=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.binary(max_size=30)),
        max_size=4,
    ),
    raw=st.booleans(),
    protocol=st.sampled_from(["HTTP/1.1", "HTTP/2", ""]),
    body=st.sampled_from([b"", b"apikey=good", b'{"apikey": "good"}']),
    route=st.none() | st.sampled_from(["items", "orders"]),
)


def broken(request: CheckRequest, at: int, added: bytes, left_out: int) -> bytes:
    """Return a message with some bytes in place of others."""
    payload = request.SerializeToString()
    at %= len(payload) + 1
    return payload[:at] + added + payload[at + left_out :]


payloads = st.one_of(
    requests.map(CheckRequest.SerializeToString),
    requests.map(CheckRequest.SerializeToString),
    st.builds(broken, requests, st.integers(0, 300), st.binary(max_size=6), st.integers(0, 6)),
    st.binary(max_size=60),
)


class Keys:
    """A resolver: one key is in memory, one in the store only."""

    def __init__(self) -> None:
        self._good = Identity(KnownConsumer(a_consumer(1), ("admin",)), "credential-1")
        self._cache = CredentialCache()
        self._cache.remember(b"digest", self._good)

    def peek(self, key: ApiKey) -> Identity | None:
        if key == ApiKey(b"stored"):
            raise NotInMemoryError(key=key)
        return self._good if key == ApiKey(b"good") else None

    def hold(self, key: ApiKey) -> Held | None:
        return self._cache.hold(b"digest") if key == ApiKey(b"good") else None

    def recall(self, key: ApiKey) -> Identity | None:
        return self.peek(key)

    async def find(self, key: ApiKey, *, digest: bytes) -> Identity | None:
        await asyncio.sleep(0)
        return Identity(KnownConsumer(a_consumer(2), ()), "credential-2")

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        return KnownConsumer(a_consumer(3), ())


def read(answer: bytes) -> CheckResponse:
    """Return an answer without the request id that each denial has anew."""
    response = CheckResponse.FromString(answer)
    if response.HasField("denied_response"):
        denied = response.denied_response
        denied.body = REQUEST_ID.sub("", denied.body)
    return response


@pytest.fixture(scope="module", params=CONFIGS)
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Return what asks both faces of one authenticator."""
    policies = PolicyBook.bind(default=CONFIGS[request.param], plugins=(), routes=(), services=())
    authenticator = Authenticator(resolver=Keys(), policies=policies)  # type: ignore[arg-type]  # it has what is called
    stack = AsyncExitStack()

    async def call_of(serve: Callable[..., object]) -> grpc.aio.UnaryUnaryMultiCallable:
        serving = serve("127.0.0.1:0", authenticator=authenticator, metrics=NullMetrics())
        address = await stack.enter_async_context(serving)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        return channel.unary_unary(f"/{SERVICE}/Check")

    async def both(payload: bytes) -> tuple[CheckResponse, CheckResponse]:
        answers = await asyncio.gather(*(call(payload, timeout=20) for call in calls))
        return read(answers[0]), read(answers[1])

    with asyncio.Runner() as runner:
        calls = [runner.run(call_of(serve)) for serve in (grpcio.serve, fastlane.serve)]
        yield lambda payload: runner.run(both(payload))
        runner.run(stack.aclose())


@settings(max_examples=examples(60))
@given(payload=payloads)
def test_both_faces_give_the_same_answer(ask: Ask, payload: bytes) -> None:
    theirs, ours = ask(payload)

    assert ours == theirs
    assert ours.HasField("status")


@pytest.mark.parametrize("key", [b"good", b"stored", b"bad"])
def test_the_requests_are_of_every_kind(ask: Ask, key: bytes) -> None:
    for _ in range(2):  # an answer may have been prepared by the first
        theirs, ours = ask(check_request(headers=[("apikey", key)]).SerializeToString())
        assert ours == theirs
        assert ours.HasField("ok_response") or key == b"bad"
