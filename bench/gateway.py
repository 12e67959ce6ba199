"""Requests through a real Envoy, with each contender behind one of its own."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import h2load
from bench.agreement import compare_gateway
from bench.envoys import BODY, RunningEnvoy, Specimen, plan_for, running_together
from bench.loads import H2Load
from bench.processes import Server, move
from bench.roster import CONTENDERS, GATEWAYS, Face
from bench.scenes import ENVOY, SERVER, Scene, Trial
from bench.traffic import PATH, client_headers


@dataclass(frozen=True, slots=True)
class Setup:
    """How many threads work in Envoy, and how many clients ask one thing after the other."""

    workers: int
    connections: int

    @property
    def scene(self) -> str:
        """The name of the scene."""
        return f"envoy, {self.workers} workers, {self.connections} connections"

    @property
    def title(self) -> str:
        """The name of the scene, for people."""
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        clients = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"Through Envoy, {workers}, {clients}"


ALL_SETUPS = tuple(Setup(workers, clients) for workers in (1, 2) for clients in (1, 8, 64))
SINGLE = Setup(1, 1)
FEW = Setup(1, 8)
MANY = Setup(2, 64)
SHORT_SETUPS = (SINGLE, FEW, MANY)


@asynccontextmanager
async def gateway_scenes(
    servers: Mapping[str, Server], setups: Sequence[Setup], *, folder: Path
) -> AsyncIterator[list[Scene]]:
    """Run the Envoys, and hold their answers against each other; yield what asks them.

    Everything may run on every core: Envoy, the server behind it and the load share the machine.

    Raises:
        ExceptionGroup: An Envoy did not start, or answers wrongly.
    """
    for server in servers.values():
        move(server.pid, os.sched_getaffinity(0))
    specimens = {
        (name, workers): _specimen(name, servers, workers)
        for name, gateway in GATEWAYS.items()
        if gateway.asks is None or gateway.asks in servers
        for workers in sorted({setup.workers for setup in setups})
    }
    async with running_together(specimens, folder=folder) as envoys:
        for (name, _), envoy in envoys.items():
            gateway = GATEWAYS[name]
            await compare_gateway(name, envoy.port, tells=gateway.tells, refuses=gateway.refuses)
        yield [_scene(setup, envoys, servers) for setup in setups]


def _specimen(name: str, servers: Mapping[str, Server], workers: int) -> Specimen:
    gateway = GATEWAYS[name]
    asked = servers[gateway.asks] if gateway.asks else None
    over_http = gateway.asks is not None and CONTENDERS[gateway.asks].face is Face.HTTP
    plan = plan_for(asked.port if asked else None, over_http=over_http)
    return Specimen(plan, gateway.write, workers)


def _scene(
    setup: Setup, envoys: Mapping[tuple[str, int], RunningEnvoy], servers: Mapping[str, Server]
) -> Scene:
    trials = {
        name: _trial(name, envoy, servers, setup)
        for (name, workers), envoy in envoys.items()
        if workers == setup.workers
    }
    return Scene(setup.scene, setup.title, trials)


def _trial(name: str, envoy: RunningEnvoy, servers: Mapping[str, Server], setup: Setup) -> Trial:
    asked = GATEWAYS[name].asks
    watched = {ENVOY: envoy.pid} | ({SERVER: servers[asked].pid} if asked else {})
    load = H2Load(
        h2load.Request(path=PATH, headers=client_headers()),
        port=envoy.port,
        connections=setup.connections,
        answer_size=len(BODY),
    )
    return Trial(load, watched, frozenset(os.sched_getaffinity(0)))
