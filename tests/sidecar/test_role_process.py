"""What the process of each role has in memory: what it works with, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTED = """
import importlib, json, sys
from sidecar.plain_structlog import import_structlog
import_structlog()
for name in ["sidecar.worker", "sidecar.app", *sys.argv[1].split()]:
    importlib.import_module(name)
print("modules", json.dumps(sorted(sys.modules)))
"""
# As the one above, but it serves: what is imported late is there too.
SERVING = """
import asyncio, json, sys
from sidecar.plain_structlog import import_structlog
import_structlog()
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

async def serve():
    settings = Settings(authsvc=Authsvc(grpc=f"unix:{sys.argv[1]}/grpc", http=None))
    spec = ChildSpec(
        role="authsvc", worker=0, settings=settings, database_url=Secret("off"), root_key=None
    )
    async with open_role(spec, telemetry=Telemetry.alone(), declarations=Nothing()):
        print("modules", json.dumps(sorted(sys.modules)))

asyncio.run(serve())
"""

FOR_TERMINALS = {"click", "rich", "pygments"}
FOR_EVENTS = {"analytics.pipeline", "analytics.governor", "isal", "orjson", "re2", "brotli", "jwt"}
FOR_SETTINGS = {"yaml", "sidecar.settings"}
FOR_ADMIN = {"sidecar.admin", "sidecar.declarative.parser", "sidecar.transfer"}
FOR_NONE_BUT_ITSELF = FOR_TERMINALS | FOR_EVENTS | FOR_SETTINGS | FOR_ADMIN | {"grpc", "aiohttp"}

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


def modules(program: str, argument: str) -> set[str]:
    """Return the modules that a new process says it has."""
    command = [sys.executable, "-P", "-c", program, argument]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    # Beside it may stand what is logged.
    [line] = [each for each in out.stdout.splitlines() if each.startswith("modules ")]
    return set(json.loads(line.removeprefix("modules ")))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_carries_nothing_that_only_others_need(role: str) -> None:
    names, not_needed = ROLES[role]
    assert modules(IMPORTED, names) & not_needed == set()


def test_a_worker_that_serves_the_fast_lane_has_imported_nothing_else(tmp_path: Path) -> None:
    found = modules(SERVING, str(tmp_path))
    assert "authsvc.extauthz.fastlane.face" in found
    assert found & (FOR_NONE_BUT_ITSELF | {"asyncpg"}) == set()
