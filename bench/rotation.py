"""``python -m bench.rotation``: how long it takes to bring many credentials under a new data key.

On a real embedded Postgres, with all its durability; reads go on meanwhile, and are timed.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import asyncpg

from authsvc.apikey import ApiKey
from authsvc.custodian import Custodian
from authsvc.keyring import key_id_of
from authsvc.postgres.database import Database
from authsvc.postgres.migrate import migrate
from authsvc.root_key import RootKey
from authsvc.rotator import Rotator
from authsvc.sealing import Sealer
from sidecar.embedded_postgres import EmbeddedPostgres
from sidecar.keyring_bootstrap import ensure_keyring

_CHUNK = 10_000  # rows
_PAUSE = 0.01  # seconds between two reads


async def fill(url: str, sealer: Sealer, rows: int) -> None:
    connection = await asyncpg.connect(url)
    consumer = str(uuid4())
    await connection.execute(
        "INSERT INTO consumers (id, created_at, updated_at, username) VALUES ($1, 1, 1, 'c')",
        consumer,
    )
    columns = ["id", "created_at", "consumer_id", "digest", "sealed_key", "key_id", "enabled"]
    for start in range(0, rows, _CHUNK):
        records = [record(sealer, consumer, n) for n in range(start, min(start + _CHUNK, rows))]
        await connection.copy_records_to_table("credentials", records=records, columns=columns)
    await connection.execute("ANALYZE credentials")
    await connection.close()


def record(sealer: Sealer, consumer: str, number: int) -> tuple[object, ...]:
    row_id = str(uuid4())
    made = sealer.seal(key(number), credential_id=row_id, consumer_id=consumer, created_at=1)
    key_id = key_id_of(made.sealed_key)
    return (row_id, 1, consumer, made.digest, made.sealed_key, key_id, True)


def key(number: int) -> ApiKey:
    return ApiKey.from_text(f"key-number-{number:032d}")


async def read_on(database: Database, sealer: Sealer, rows: int, seconds: list[float]) -> None:
    number = 0
    while True:
        number = (number + 7919) % rows
        started = time.perf_counter()
        digest = sealer.digest(key(number))
        found = await database.directory.find_credentials([digest])
        assert sealer.proves(found[digest].credential, key(number))
        seconds.append(time.perf_counter() - started)
        await asyncio.sleep(_PAUSE)


async def measure(url: str, rows: int) -> None:
    await migrate(url)
    async with Database.open(url, pool_size=4) as database:
        root_key = RootKey.from_base64(RootKey.generate_base64())
        await ensure_keyring(database.keyring, root_key)
        sealer = Sealer.unwrap(await database.keyring.load(), root_key)
        custodian = Custodian(store=database.keyring, root_key=root_key, sealer=sealer)
        rotator = Rotator(
            keyring=database.keyring,
            rotations=database.rotation,
            custodian=custodian,
            sealer=sealer,
            board=database.board,
            changes=database.changes,
        )
        await fill(url, sealer, rows)
        latencies: list[float] = []
        reader = asyncio.create_task(read_on(database, sealer, rows, latencies))
        await rotator.begin()
        started, cpu = time.perf_counter(), time.process_time()
        await rotator.work()
        took, burnt = time.perf_counter() - started, time.process_time() - cpu
        reader.cancel()
        rotation = await database.rotation.read()
        assert rotation is not None
        assert (rotation.status, rotation.done) == ("done", rows), rotation
        median, worst = statistics.median(latencies) * 1000, max(latencies) * 1000
        print(f"{rows} credentials in {took:.1f} s: {rows / took:,.0f} a second")
        print(f"{burnt:.1f} s of CPU in this process")
        print(f"{len(latencies)} reads meanwhile: median {median:.1f} ms, worst {worst:.0f} ms")


async def run(rows: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with EmbeddedPostgres(Path(directory)) as url:
            await measure(url, rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rotation", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    asyncio.run(run(parser.parse_args().rows))


if __name__ == "__main__":
    sys.exit(main())
