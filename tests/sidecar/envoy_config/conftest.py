import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.address import TcpAddress
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_process import running_envoy
from tests.fakes.check_service import CheckService, running_check_service
from tests.fakes.gateway import Gateway, StartGateway
from tests.fakes.log_service import LogService

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Start Envoy with a plan: routes lead to the upstream ``echo``; fields replace the plan's."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Gateway:
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
            started = running_envoy(plan, log_file=tmp_path / "envoy.log", concurrency=1)
            envoy = await stack.enter_async_context(started)
            return Gateway(await envoy.port(), envoy, checks, log)

        yield start


@pytest.fixture
def unused_address() -> Iterator[TcpAddress]:
    """An address at which nothing answers for as long as the test runs."""
    with socket.socket() as bound:  # bound, so that nobody takes it; not listening
        bound.bind((LOOPBACK, 0))
        yield TcpAddress(*bound.getsockname())
