"""Roles that stop: who watches their health gets time to notice, where there is anybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from msgspec.structs import replace

from analytics import accesslog
from authsvc.extauthz import grpc as grpc_face
from authsvc.extauthz.fastlane import face
from authsvc.memory import MemoryDatabase
from sidecar.app import open_role
from sidecar.control import ChildSpec, Role
from sidecar.roles.opening import Opening
from sidecar.secret import Secret
from sidecar.settings_model import Analytics, Authsvc, Settings
from sidecar.telemetry import Telemetry
from tests.fakes.declarations import Published, declared

HEALTH = "/grpc.health.v1.Health/Check"
FOR_EVER = 3600.0  # seconds: as long as no test lasts
SERVING = b"\x08\x01"
FACES: dict[str, Role] = {"fastlane": "authsvc", "grpcio": "authsvc", "analytics": "analytics"}


def spec_of(name: str, folder: Path) -> ChildSpec:
    address = f"unix:{folder}/grpc"
    transport = name if name != "analytics" else "fastlane"
    settings = Settings(
        data_dir=str(folder),
        authsvc=Authsvc(grpc=address, http=None, transport=transport),
        analytics=Analytics(grpc=address),
    )
    return ChildSpec(
        role=FACES[name], worker=0, settings=settings, database_url=Secret("off"), root_key=None
    )


@asynccontextmanager
async def asked_for_health(spec: ChildSpec) -> AsyncIterator[None]:
    """Open a role whose health was asked for."""
    declarations = Published(declared())
    async with open_role(spec, telemetry=Telemetry.alone(), declarations=declarations):
        assert await health_of(spec) == SERVING
        yield


async def health_of(spec: ChildSpec) -> bytes:
    async with grpc.aio.insecure_channel(spec.settings.analytics.grpc) as channel:
        return await channel.unary_unary(HEALTH)(b"")


@pytest.fixture(autouse=True)
def notice_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (face, grpc_face, accesslog):
        monkeypatch.setattr(module, "DRAIN_SECONDS", FOR_EVER)


@pytest.mark.parametrize("name", FACES)
async def test_without_notice_a_role_ends_although_somebody_asked(
    name: str, tmp_path: Path
) -> None:
    spec = replace(spec_of(name, tmp_path), gives_notice=False)
    async with asyncio.timeout(FOR_EVER / 100), asked_for_health(spec):
        pass


def test_else_it_gets_as_long_as_usual(tmp_path: Path) -> None:
    spec = spec_of("fastlane", tmp_path)
    opening = Opening(spec, MemoryDatabase(), Telemetry.alone(), AsyncExitStack())
    assert opening.notice_of(4.0) == 4.0
