"""What the process of each role has in memory: what it works with, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMPORTED = """
import importlib, json, sys
from sidecar.lean_imports import import_lean
import_lean()
for name in ["sidecar.worker", "sidecar.app", *sys.argv[1].split()]:
    importlib.import_module(name)
print("modules", json.dumps(sorted(sys.modules)))
"""
# As the one above, but it serves: what is imported late is there too.
SERVING = """
import asyncio, json, sys
from sidecar.lean_imports import import_lean
import_lean()
from sidecar.app import open_role
from sidecar.control import ChildSpec
from sidecar.declarative.declaration import Declaration
from sidecar.declarative.editions import Edition
from sidecar.secret import Secret
from sidecar.settings_model import Authsvc, Settings
from sidecar.telemetry import Telemetry

class Nothing:
    async def next(self):
        self.next = asyncio.Event().wait
        return Edition(1, Declaration(format_version="3.0", digest=""))

    def applied(self, number):
        pass

async def ask():
    reader, writer = await asyncio.open_unix_connection(f"{sys.argv[1]}/http")
    writer.write(b"GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
    print("answer", json.dumps((await reader.readline()).decode()))
    writer.close()

async def serve():
    addresses = {name: f"unix:{sys.argv[1]}/{name}" for name in sys.argv[2].split()}
    settings = Settings(authsvc=Authsvc(**{"grpc": None, "http": None} | addresses))
    spec = ChildSpec(
        role="authsvc", worker=0, settings=settings, database_url=Secret("off"), root_key=None
    )
    async with open_role(spec, telemetry=Telemetry.alone(), declarations=Nothing()):
        print("modules", json.dumps(sorted(sys.modules)))
        if "http" in addresses:
            await ask()
            print("then", json.dumps(sorted(sys.modules)))

asyncio.run(serve())
"""

SAID = ("modules", "answer", "then")

FOR_TERMINALS = {"click", "rich", "pygments"}
FOR_EVENTS = {"analytics.pipeline", "analytics.governor", "isal", "orjson", "re2", "brotli", "jwt"}
FOR_SETTINGS = {"yaml", "sidecar.settings"}
FOR_ADMIN = {"sidecar.admin", "sidecar.declarative.parser", "sidecar.transfer"}
FOR_HTTP = {"aiohttp", "email", "http.client", "http.server", "urllib.request"}
FOR_BODIES = {"multipart"}
WITHOUT_C = {"google.protobuf.internal.python_message"}
FOR_NONE_BUT_ITSELF = FOR_TERMINALS | FOR_EVENTS | FOR_SETTINGS | FOR_ADMIN | FOR_HTTP | {"grpc"}

# What a role consists of, and what it does without.
ROLES = {
    "authsvc": (
        "sidecar.roles.authsvc authsvc.postgres.database authsvc.extauthz.fastlane.face",
        FOR_NONE_BUT_ITSELF,
    ),
    "authsvc over HTTP": (
        "sidecar.roles.authsvc authsvc.postgres.database authsvc.extauthz.http",
        FOR_TERMINALS | FOR_SETTINGS | FOR_ADMIN | {"grpc", "analytics.pipeline"},
    ),
    "analytics": (
        "sidecar.roles.analytics authsvc.postgres.database",
        FOR_TERMINALS | FOR_SETTINGS | FOR_ADMIN | {"authsvc.extauthz"},
    ),
    "admin": (
        "sidecar.roles.admin authsvc.postgres.database",
        FOR_TERMINALS | {"grpc", "google.protobuf", "analytics.pipeline", "authsvc.extauthz"},
    ),
}


def said(program: str, *arguments: str) -> dict[str, Any]:
    """Return what a new process says, by the word before it."""
    command = [sys.executable, "-P", "-c", program, *arguments]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    # Beside it may stand what is logged.
    lines = [line.partition(" ") for line in out.stdout.splitlines()]
    return {word: json.loads(rest) for word, _, rest in lines if word in SAID}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_carries_nothing_that_only_others_need(role: str) -> None:
    names, not_needed = ROLES[role]
    assert set(said(IMPORTED, names)["modules"]) & not_needed == set()


def test_a_worker_that_listens_for_both_faces_has_loaded_the_fast_lane_alone(
    tmp_path: Path,
) -> None:
    found = said(SERVING, str(tmp_path), "grpc http")
    at_first, then = set(found["modules"]), set(found["then"])
    assert "authsvc.extauthz.fastlane.face" in at_first
    assert at_first & (FOR_NONE_BUT_ITSELF | FOR_BODIES | WITHOUT_C | {"asyncpg"}) == set()
    assert found["answer"].startswith("HTTP/1.1 401 ")
    assert "authsvc.extauthz.http" in then


def test_a_worker_that_is_asked_over_http_alone_has_loaded_that_before_it_serves(
    tmp_path: Path,
) -> None:
    found = said(SERVING, str(tmp_path), "http")
    assert "authsvc.extauthz.http" in found["modules"]
    assert "authsvc.extauthz.fastlane" not in found["modules"]
