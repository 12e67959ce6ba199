"""One of Tollkeeper's faces and everything behind it, on stores in memory.

The key is digested, found, and followed through the change log as in production, and checks are
counted as in a supervisor's child; the first look-up of each key opens its ciphertext. A plugin of
the service says what applies, and that keys are hidden. Only Postgres is missing: a warm worker
does not ask it.
"""

import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.blind_index import BlindIndex
from authsvc.entities import Consumer, Plugin, Service
from authsvc.follower import Follower
from authsvc.keyring import Keyring, generate_key
from authsvc.memory.database import MemoryDatabase
from authsvc.policy import KeyAuthConfig
from authsvc.policy_source import load_policies
from authsvc.resolver import Resolver
from authsvc.sealing import Sealer
from bench.contenders.serving import announce_and_wait
from bench.traffic import SERVICE, callers
from sidecar.logs import configure
from sidecar.settings_model import Log
from sidecar.telemetry import Telemetry

_DEFAULT = KeyAuthConfig()
# Imported when chosen: what one does not need is not to count as its memory.
_FACES = {
    "grpcio": "authsvc.extauthz.grpc",
    "fastlane": "authsvc.extauthz.fastlane.face",
    "http": "authsvc.extauthz.http_listener",
}
# When it ends, nobody asks any more who would have to be told before.
_AT_THE_END = {name: {"drain_seconds": 0.0} for name in ("grpcio", "fastlane")}
_ENGINE = "authsvc.extauthz.fastlane.connection"
_CONFIG = {"hide_credentials": True}
_CACHED = {"edge_cache": {"enabled": True}}
_SERVICE_ID = "a0000000-0000-4000-8000-000000000000"
_PLUGIN_ID = "b0000000-0000-4000-8000-000000000000"


async def fill(database: MemoryDatabase, sealer: Sealer, config: Mapping[str, Any]) -> None:
    """Store the service with its plugin, the consumers and their keys."""
    now = int(time.time())
    times = {"created_at": now, "updated_at": now}
    await database.services.insert(
        Service(id=_SERVICE_ID, name=SERVICE, host="upstream.example.com", **times)
    )
    await database.plugins.insert(
        Plugin(id=_PLUGIN_ID, name="key-auth-enc", service_id=_SERVICE_ID, config=config, **times)
    )
    for caller in callers():
        await database.consumers.insert(
            Consumer(
                id=caller.consumer_id,
                username=caller.username,
                custom_id=caller.custom_id,
                **times,
            )
        )
        credential = sealer.seal(
            ApiKey.from_text(caller.key),
            credential_id=caller.credential_id,
            consumer_id=caller.consumer_id,
            created_at=now,
        )
        await database.credentials.insert(credential)


async def serve(name: str, options: Sequence[str]) -> None:
    """Serve until standard input ends, on the face of that name.

    Options: ``compiled`` where only a compiled build will do, ``edge-cache`` to let Envoy give
    answers again by itself.
    """
    configure(Log(level="warning"), role="authsvc", stream=sys.stderr)
    if "compiled" in options and not str(import_module(_ENGINE).__file__).endswith(".so"):
        raise SystemExit("the fast lane here is not compiled")
    face = partial(import_module(_FACES[name]).serve, **_AT_THE_END.get(name, {}))
    database = MemoryDatabase()
    sealer = Sealer(
        keyring=Keyring({"benchkey": generate_key()}, active="benchkey"),
        blind_index=BlindIndex(generate_key()),
    )
    await fill(database, sealer, _CONFIG | (_CACHED if "edge-cache" in options else {}))
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
