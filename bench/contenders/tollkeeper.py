"""One of Tollkeeper's gRPC faces and everything behind it, on stores in memory.

The key is digested, found, and followed through the change log as in production, and checks are
counted as in a supervisor's child; the first look-up of each key opens its ciphertext. Only
Postgres is missing: a warm worker does not ask it.
"""

import sys
import time
import uuid

import uvloop

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.blind_index import BlindIndex
from authsvc.entities import Consumer
from authsvc.extauthz import grpc
from authsvc.extauthz.fastlane import face as fastlane
from authsvc.follower import Follower
from authsvc.keyring import Keyring, generate_key
from authsvc.memory.database import MemoryDatabase
from authsvc.policy import KeyAuthConfig
from authsvc.policy_source import load_policies
from authsvc.resolver import Resolver
from authsvc.sealing import Sealer
from bench.contenders.serving import announce_and_wait, run
from bench.traffic import callers
from sidecar.telemetry import Telemetry

_DEFAULT = KeyAuthConfig()
_FACES = {"grpcio": grpc.serve, "fastlane": fastlane.serve}


async def fill(database: MemoryDatabase, sealer: Sealer) -> None:
    """Store the consumers and their keys."""
    now = int(time.time())
    for caller in callers():
        await database.consumers.insert(
            Consumer(
                id=caller.consumer_id,
                created_at=now,
                updated_at=now,
                username=caller.username,
                custom_id=caller.custom_id,
            )
        )
        credential = sealer.seal(
            ApiKey.from_text(caller.key),
            credential_id=caller.credential_id,
            consumer_id=caller.consumer_id,
            created_at=now,
        )
        await database.credentials.insert(credential)


async def serve() -> None:
    """Serve until standard input ends, on what the first argument names."""
    face = _FACES[sys.argv[1]]
    database = MemoryDatabase()
    sealer = Sealer(
        keyring=Keyring({"benchkey": generate_key()}, active="benchkey"),
        blind_index=BlindIndex(generate_key()),
    )
    await fill(database, sealer)
    metrics = Telemetry.of_child("bench").auth
    resolver = Resolver(directory=database.directory, sealer=sealer, metrics=metrics)
    authenticator = Authenticator(
        resolver=resolver, policies=await load_policies(database, default=_DEFAULT)
    )

    async def reload() -> None:
        authenticator.policies = await load_policies(database, default=_DEFAULT)

    async def keep_keyring() -> None:
        """Do nothing: the ring does not change here."""

    follower = Follower(
        feed=database.changes,
        board=database.board,
        worker=str(uuid.uuid4()),
        resolver=resolver,
        reload_policies=reload,
        reload_keyring=keep_keyring,
        metrics=metrics,
    )
    resolver.freshness = follower
    async with (
        follower.following(),
        face("127.0.0.1:0", authenticator=authenticator, metrics=metrics) as address,
    ):
        await announce_and_wait(int(address.rpartition(":")[2]))


if __name__ == "__main__":
    run(serve, runner=uvloop.run)
