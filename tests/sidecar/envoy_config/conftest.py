import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authsvc.policy import KeyAuthConfig
from sidecar.address import TcpAddress
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.bootstrap import render
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_config.plan import Path as EnvoyPath
from sidecar.envoy_process import running_envoy
from tests.fakes.check_service import CheckService, running_check_service
from tests.fakes.edge_scene import (
    CACHED,
    EdgeScene,
    Keys,
    StartEdge,
    an_authenticator,
    an_identity,
    checked_by,
)
from tests.fakes.gateway import Gateway, StartGateway
from tests.fakes.log_service import LogService
from tests.fakes.upstream import running_upstream

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Start Envoy with a plan: routes lead to the upstream ``echo``; fields replace the plan's."""
    async with AsyncExitStack() as stack:

        async def start(*, write: Callable[[EnvoyPlan], str] = render, **changes: Any) -> Gateway:
            checks, log = CheckService(), LogService()
            echo = await stack.enter_async_context(running_echo(LOOPBACK, 0))
            authsvc = await stack.enter_async_context(running_check_service(checks))
            await log.start()
            stack.push_async_callback(log.stop)
            plan = replace(
                EnvoyPlan(
                    listen=TcpAddress(LOOPBACK, 0),
                    authsvc=TcpAddress(LOOPBACK, authsvc),
                    analytics=TcpAddress(LOOPBACK, log.port),
                    upstreams=(Upstream(name="echo", address=TcpAddress("localhost", echo)),),
                    routes=(PlannedRoute(name="all", upstream="echo"),),
                ),
                **changes,
            )
            started = running_envoy(
                plan, log_file=tmp_path / "envoy.log", concurrency=1, write=write
            )
            envoy = await stack.enter_async_context(started)
            return Gateway(await envoy.port(), envoy, checks, log)

        yield start


_ROUTES = (
    PlannedRoute(name="other", service="web", upstream="web", path=EnvoyPath(text="/other")),
    PlannedRoute(name="all", service="web", upstream="web"),
)


@pytest.fixture
async def start_edge(start_gateway: StartGateway) -> AsyncIterator[StartEdge]:
    async with running_upstream() as upstream:

        async def start(
            config: KeyAuthConfig = CACHED, *, ids: bool = False, **changes: Any
        ) -> EdgeScene:
            web = Upstream(name="web", address=TcpAddress("127.0.0.1", upstream.port))
            keys = Keys({b"K1": an_identity(1), b"K2": an_identity(2)})
            authenticator = an_authenticator(config, keys, ids=ids)
            plan = {"upstreams": (web,), "routes": _ROUTES, "edge_cache": True} | changes
            gateway = await start_gateway(**plan)
            scene = EdgeScene(gateway, upstream, keys, authenticator)
            gateway.checks.answer = lambda request: checked_by(scene, request)
            return scene

        yield start


@pytest.fixture
def unused_address() -> Iterator[TcpAddress]:
    """An address at which nothing answers for as long as the test runs."""
    with socket.socket() as bound:  # bound, so that nobody takes it; not listening
        bound.bind((LOOPBACK, 0))
        yield TcpAddress(*bound.getsockname())
