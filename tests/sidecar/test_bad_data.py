"""Rows that somebody changed in the database, as the real authsvc role answers for them.

Never another key's consumer, never an allow, never the key in what is said about it: a denial
with 500, counted, and a log line that names the row.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import grpc
import pytest
from structlog.testing import capture_logs

from authsvc.apikey import ApiKey
from authsvc.custodian import ClearKey
from authsvc.extauthz.checks import SERVICE
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.postgres import Database
from authsvc.sealing import DATA, Sealer
from sidecar.app import open_role
from sidecar.control import ChildSpec
from sidecar.secret import Secret
from sidecar.settings import Authsvc, Settings
from sidecar.telemetry import Telemetry
from tests.fakes.check_requests import check_request
from tests.fakes.entities import a_consumer, an_id
from tests.fakes.free_port import free_port
from tests.fakes.postgres import PostgresServer
from tests.fakes.ring import held_ring

ROOT_KEY = base64.b64encode(bytes(range(32))).decode()  # that of tests.fakes.ring
CANARY = "canary-4711"
NEIGHBOUR = "neighbour-4712"
ROW, OTHER_ROW = an_id(1), an_id(2)
_TAG = 16  # bytes


@dataclass(frozen=True)
class Gateway:
    """The role, the database behind it, and what it counts."""

    port: int
    url: str
    telemetry: Telemetry
    sealer: Sealer
    resting_key: str  # the id of a data key that seals nothing

    async def ask(self, key: str) -> CheckResponse:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            check = channel.unary_unary(
                f"/{SERVICE}/Check",
                request_serializer=CheckRequest.SerializeToString,
                response_deserializer=CheckResponse.FromString,
            )
            answer: CheckResponse = await check(check_request(headers=[("apikey", key.encode())]))
            return answer

    async def execute(self, sql: str, *arguments: object) -> None:
        connection = await asyncpg.connect(self.url)
        await connection.execute(sql, *arguments)
        await connection.close()

    async def sealed(self, row: str = ROW) -> bytes:
        connection = await asyncpg.connect(self.url)
        value: bytes = await connection.fetchval(
            "SELECT sealed_key FROM credentials WHERE id = $1", row
        )
        await connection.close()
        return value

    async def put(self, sealed: bytes, row: str = ROW) -> None:
        await self.execute("UPDATE credentials SET sealed_key = $2 WHERE id = $1", row, sealed)

    @property
    def refused(self) -> float:
        page = self.telemetry.page().decode()
        found = re.search(r"^tollkeeper_sealed_value_refused_total (\S+)", page, re.MULTILINE)
        assert found
        return float(found[1])


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Gateway]:
    async with Database.open(url, pool_size=2) as database:
        held = await held_ring(database)
        for number, key in ((1, CANARY), (2, NEIGHBOUR)):
            await database.consumers.insert(a_consumer(number))
            await database.credentials.insert(
                held.sealer.seal(
                    ApiKey.from_text(key),
                    credential_id=an_id(number),
                    consumer_id=an_id(number),
                    created_at=1,
                )
            )
        resting, _ = await held.custodian.generate()
    port = free_port()
    spec = ChildSpec(
        role="authsvc",
        worker=0,
        settings=Settings(authsvc=Authsvc(http=None, grpc=f"127.0.0.1:{port}")),
        database_url=Secret(url),
        root_key=Secret(ROOT_KEY),
    )
    telemetry = Telemetry.alone()
    async with open_role(spec, telemetry=telemetry):
        yield Gateway(port, url, telemetry, held.sealer, resting.id)


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
async def gateway(url: str) -> AsyncIterator[Gateway]:
    async with _opened(url) as gateway:
        yield gateway


def status_of(answer: CheckResponse) -> int:
    """Return what the client gets; only what says so is an allow."""
    if answer.WhichOneof("http_response") == "ok_response":
        return 200
    return int(answer.denied_response.status.code)


def flip(at: int) -> Callable[[Gateway], Awaitable[None]]:
    async def tamper(gateway: Gateway) -> None:
        sealed = bytearray(await gateway.sealed())
        sealed[at] ^= 1
        await gateway.put(bytes(sealed))

    return tamper


def cut(keep: int) -> Callable[[Gateway], Awaitable[None]]:
    async def tamper(gateway: Gateway) -> None:
        await gateway.put((await gateway.sealed())[:keep])

    return tamper


def under(key_id: bytes | None) -> Callable[[Gateway], Awaitable[None]]:
    """Let the value claim another key; None: another one that is on the ring."""

    async def tamper(gateway: Gateway) -> None:
        sealed = await gateway.sealed()
        await gateway.put(sealed[:1] + (key_id or gateway.resting_key.encode()) + sealed[9:])

    return tamper


async def swap_ciphertexts(gateway: Gateway) -> None:
    ours, theirs = await gateway.sealed(ROW), await gateway.sealed(OTHER_ROW)
    await gateway.put(theirs, ROW)
    await gateway.put(ours, OTHER_ROW)


async def copy_neighbour(gateway: Gateway) -> None:
    await gateway.put(await gateway.sealed(OTHER_ROW))


async def move_to_neighbour(gateway: Gateway) -> None:
    await gateway.execute("UPDATE credentials SET consumer_id = $2 WHERE id = $1", ROW, OTHER_ROW)


async def take_the_digest_over(gateway: Gateway) -> None:
    """Let the neighbour's own, good row be found by our key."""
    digest = gateway.sealer.digest(ApiKey.from_text(CANARY))
    await gateway.execute("DELETE FROM credentials WHERE id = $1", ROW)
    await gateway.execute("UPDATE credentials SET digest = $2 WHERE id = $1", OTHER_ROW, digest)


async def rename(gateway: Gateway) -> None:
    await gateway.execute("UPDATE credentials SET id = $2 WHERE id = $1", ROW, an_id(9))


async def plaintext(gateway: Gateway) -> None:
    await gateway.put(CANARY.encode())


TAMPERED: dict[str, Callable[[Gateway], Awaitable[None]]] = {
    "swapped ciphertexts": swap_ciphertexts,
    "the neighbour's ciphertext": copy_neighbour,
    "a row moved to another consumer": move_to_neighbour,
    "a row under another id": rename,
    "a digest that leads to the neighbour's row": take_the_digest_over,
    "a key in clear": plaintext,
    "an empty value": cut(0),
    "a version alone": cut(1),
    "a head alone": cut(21),
    "a tag cut by one byte": cut(-1),
    "a tag cut off": cut(-_TAG),
    "an unknown key id": under(b"AbCd9999"),
    "a key id that is no text": under(b"\xff" * 8),
    "the id of another key on the ring": under(None),
    "a bit of the version": flip(0),
    "a bit of the key id": flip(1),
    "a bit of the nonce": flip(9),
    "a bit of the ciphertext": flip(21),
    "a bit of the tag": flip(-1),
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_a_changed_row_is_refused_counted_and_named(gateway: Gateway, name: str) -> None:
    await TAMPERED[name](gateway)
    with capture_logs() as logged:
        answer = await gateway.ask(CANARY)
    assert answer.WhichOneof("http_response") == "denied_response"
    assert status_of(answer) == 500
    assert json.loads(answer.denied_response.body)["message"] == "An unexpected error occurred"
    assert answer.dynamic_metadata.fields["reason"].string_value == "corrupt_credential"
    assert not answer.dynamic_metadata.fields["consumer_id"].string_value
    assert gateway.refused == 1
    [line] = [each for each in logged if each["event"] == "a stored credential does not open"]
    assert line["log_level"] == "error"
    assert line["credential_id"] in {ROW, OTHER_ROW, an_id(9)}
    assert CANARY not in f"{logged}{answer}"
    # It is not believed the second time either.
    assert status_of(await gateway.ask(CANARY)) == 500


async def test_good_rows_are_not_disturbed_by_bad_ones(gateway: Gateway) -> None:
    await copy_neighbour(gateway)
    assert status_of(await gateway.ask(CANARY)) == 500
    answer = await gateway.ask(NEIGHBOUR)
    assert status_of(answer) == 200
    assert answer.dynamic_metadata.fields["username"].string_value == "consumer-2"


async def test_a_restored_row_works_again(gateway: Gateway) -> None:
    sealed = await gateway.sealed()
    await flip(30)(gateway)
    assert status_of(await gateway.ask(CANARY)) == 500
    await gateway.put(sealed)
    assert status_of(await gateway.ask(CANARY)) == 200


async def test_a_row_under_a_key_that_is_only_just_on_the_ring_opens(gateway: Gateway) -> None:
    async with Database.open(gateway.url, pool_size=2) as database:
        held = await held_ring(database)
        key = held.custodian.wrapped(ClearKey("AbCd1234", bytes(32)), purpose=DATA)
        # Past the change log: the worker has not heard of the key when it meets a row under it.
        await gateway.execute("UPDATE keyring SET active = false WHERE purpose = 'data'")
        await gateway.execute(
            "INSERT INTO keyring (id, created_at, purpose, wrapped, active)"
            " VALUES ($1, 1, 'data', $2, true)",
            key.id,
            key.wrapped,
        )
        await held.custodian.reload()
        row = await database.credentials.get(ROW)
        assert row is not None
        await gateway.put(held.sealer.reseal(row).sealed_key)
    assert status_of(await gateway.ask(CANARY)) == 200


async def test_keys_go_on_working_throughout_a_rotation(gateway: Gateway) -> None:
    async with Database.open(gateway.url, pool_size=2) as database:
        held = await held_ring(database)
        for _ in range(3):
            old = held.sealer.active
            await held.rotator.begin()
            assert status_of(await gateway.ask(CANARY)) == 200
            await held.rotator.work()
            await held.custodian.remove(old)
            assert status_of(await gateway.ask(NEIGHBOUR)) == 200
