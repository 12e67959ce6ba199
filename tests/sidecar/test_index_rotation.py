"""The index key gives way to another while the real authsvc role answers."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc
import pytest

from authsvc.apikey import ApiKey
from authsvc.entities import StoredCredential
from authsvc.extauthz.checks import SERVICE
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.postgres import Database
from authsvc.sealing import INDEX, Sealer
from sidecar.app import open_role
from sidecar.control import ChildSpec
from sidecar.secret import Secret
from sidecar.settings import Authsvc, Settings
from sidecar.telemetry import Telemetry
from tests.deadline import eventually
from tests.fakes.admin_api import serving
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer, an_id
from tests.fakes.free_port import free_port
from tests.fakes.postgres import PostgresServer
from tests.fakes.ring import Held, held_ring, hold

ROOT_KEY = base64.b64encode(bytes(range(32))).decode()  # that of tests.fakes.ring


@dataclass(frozen=True)
class Bench:
    """A role that answers, its database, and what a process that writes has."""

    port: int
    database: Database
    held: Held

    async def allows(self, key: str) -> bool:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            check = channel.unary_unary(
                f"/{SERVICE}/Check",
                request_serializer=CheckRequest.SerializeToString,
                response_deserializer=CheckResponse.FromString,
            )
            answer: CheckResponse = await check(check_request(headers=[("apikey", key.encode())]))
        assert answer.WhichOneof("http_response") in {"ok_response", "denied_response"}
        return answer.WhichOneof("http_response") == "ok_response"


def sealed(sealer: Sealer, number: int) -> StoredCredential:
    return sealer.seal(
        ApiKey.from_text(f"key-{number}"),
        credential_id=an_id(number),
        consumer_id=an_id(1),
        created_at=1,
    )


@pytest.fixture(scope="module")
def shared_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.new_database() as url:
        yield url


@pytest.fixture
def url(postgres_server: PostgresServer, shared_url: str) -> str:
    """The URL of an empty database."""
    postgres_server.empty(shared_url)
    return shared_url


@pytest.fixture
async def bench(url: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(url, pool_size=3))
        held = await held_ring(database)
        await database.consumers.insert(a_consumer(1))
        for number in range(1, 5):
            await database.credentials.insert(sealed(held.sealer, number))
        port = free_port()
        spec = ChildSpec(
            role="authsvc",
            worker=0,
            settings=Settings(authsvc=Authsvc(http=None, grpc=f"127.0.0.1:{port}")),
            database_url=Secret(url),
            root_key=Secret(ROOT_KEY),
        )
        await stack.enter_async_context(open_role(spec, telemetry=Telemetry.alone()))
        yield Bench(port, database, held)


async def test_keys_are_found_at_every_moment_and_unknown_ones_never(bench: Bench) -> None:
    working = hold(bench.database, bench.held.custodian, bench.held.sealer, batch=1, writers=0.5)
    await working.rotator.begin(INDEX)
    work = asyncio.create_task(working.rotator.work())
    rounds = 0
    while not work.done() or rounds < 3:
        assert all([await bench.allows(f"key-{number}") for number in range(1, 5)])
        assert not await bench.allows("key-9")
        rounds += 1
    assert await work
    rotation = await bench.database.rotation.read()
    assert rotation is not None
    assert (rotation.status, rotation.done) == ("done", 4)


async def test_meanwhile_keys_are_withdrawn_and_created_as_ever(bench: Bench) -> None:
    stale = (await held_ring(bench.database)).sealer  # writes by the old index key all along
    rotation, _ = await bench.held.rotator.begin(INDEX)
    await bench.database.keyring.activate(rotation.target)
    await bench.held.custodian.reload()
    assert await bench.allows("key-1")
    assert not await bench.allows("key-7")
    assert not await bench.allows("key-8")
    await bench.database.credentials.delete(an_id(1))  # it was written by the old one
    await bench.database.credentials.insert(sealed(stale, 7))
    await bench.database.credentials.insert(sealed(bench.held.sealer, 8))

    async def applied() -> bool:
        gone = not await bench.allows("key-1")
        return gone and await bench.allows("key-7") and await bench.allows("key-8")

    await eventually(applied, "one key to go and two to come", within=5)


async def test_a_key_is_unique_whatever_index_key_a_row_is_found_by(bench: Bench) -> None:
    rotation, _ = await bench.held.rotator.begin(INDEX)
    await bench.database.keyring.activate(rotation.target)
    await bench.held.custodian.reload()
    async with serving(bench.database, sealer=bench.held.sealer) as admin:
        refused = await admin.post("/consumers/consumer-1/key-auth-enc", {"key": "key-2"})
        assert refused.status == 409
        assert "key-2" not in refused.body.decode()
        assert (await admin.get("/key-auths-enc/key-2")).json()["id"] == an_id(2)
        # Written anew, it is found by the new one, and is still the same.
        assert (await admin.patch("/key-auths-enc/key-2", {"tags": ["a"]})).status == 200
        row = await bench.database.credentials.get(an_id(2))
        assert row is not None
        assert row.digest == bench.held.sealer.digest(ApiKey.from_text("key-2"))
