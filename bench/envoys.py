"""The Envoys of the bench: what ``tollkeeper envoy-config`` prints, and what else stands beside it.

All have the same listener with everything that hardens it. They differ in the filter that checks
keys alone. Instead of asking an upstream they answer themselves, so that the check is what is
measured. A second path shows what an upstream would have got to see.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.contenders.answers import IDENTITY
from bench.traffic import KEY_HEADER, ROUTE, SERVICE, callers
from sidecar.address import TcpAddress
from sidecar.envoy_config.authorization import FILTER
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_config.plan import Path as RoutePath
from sidecar.envoy_process import running_envoy

SEEN_PATH = "/seen"  # answers with what an upstream would have seen
SEEN_HEADERS = (*IDENTITY, KEY_HEADER)
_TYPE = "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"
_UPSTREAM = "upstream"
_PATIENCE = "10s"
BODY = "ok"

Json = dict[str, Any]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Specimen:
    """How one Envoy is to run."""

    plan: EnvoyPlan
    write: Callable[[EnvoyPlan], str]
    workers: int


@dataclass(frozen=True, slots=True)
class RunningEnvoy:
    """An Envoy that takes requests."""

    pid: int
    port: int


def plan_for(port: int | None, *, over_http: bool) -> EnvoyPlan:
    """Return the plan of an Envoy that asks the server at a port of this machine."""
    address = TcpAddress("127.0.0.1", port or 1)
    return EnvoyPlan(
        listen=TcpAddress("127.0.0.1", 0),
        authsvc=None if over_http else address,
        authsvc_http=address if over_http else None,
        analytics=None,
        upstreams=(Upstream(name=_UPSTREAM, address=TcpAddress("127.0.0.1", 1)),),
        routes=(_route(RoutePath(text=SEEN_PATH)), _route(None)),
        secret_headers=(KEY_HEADER,),
    )


def _route(path: RoutePath | None) -> PlannedRoute:
    return PlannedRoute(name=ROUTE, service=SERVICE, upstream=_UPSTREAM, path=path)


def as_planned(plan: EnvoyPlan) -> str:
    """Write the product's own configuration, with answers instead of an upstream."""
    return _written(_answering(plan))


def with_edge_cache(plan: EnvoyPlan) -> str:
    """Write it as planned, with the edge cache."""
    return as_planned(replace(plan, edge_cache=True))


def without_filter(plan: EnvoyPlan) -> str:
    """Write it without any check."""
    return _written(_checked_by(_answering(plan), []))


def with_api_key_auth(plan: EnvoyPlan) -> str:
    """Write it with Envoy's own filter, which holds all keys in clear."""
    config = {
        "@type": _TYPE,
        "credentials": [{"key": caller.key, "client": caller.username} for caller in callers()],
        "key_sources": [{"header": KEY_HEADER}],
        "forwarding": {"header": "x-consumer-username", "hide_credentials": True},
    }
    own = {"name": "envoy.filters.http.api_key_auth", "typed_config": config}
    return _written(_checked_by(_answering(plan), [own]))


def _answering(plan: EnvoyPlan) -> Json:
    configuration = bootstrap(plan)
    _make_patient(configuration)
    for route in _routes(configuration):
        del route["route"]
        route["direct_response"] = {"status": 200, "body": {"inline_string": BODY}}
        if route["match"].get("prefix") == SEEN_PATH:
            route["response_headers_to_add"] = [
                {"header": {"key": f"seen-{name}", "value": f"%REQ({name})%"}}
                for name in SEEN_HEADERS
            ]
    return configuration


def _make_patient(configuration: Json) -> None:
    """Give authsvc more time: on a busy machine the bench is to be slow, and not to fail."""
    for cluster in configuration["static_resources"]["clusters"]:
        cluster["connect_timeout"] = _PATIENCE
        for health_check in cluster.get("health_checks", []):
            health_check["timeout"] = _PATIENCE
    service = next(
        each["typed_config"]
        for each in _manager(configuration)["http_filters"]
        if each["name"] == FILTER
    )
    settings = service.get("grpc_service") or service["http_service"]["server_uri"]
    settings["timeout"] = _PATIENCE
    if "retry_policy" in settings:
        # Also the time that Envoy gives each try, whatever the one for all of them is.
        settings["retry_policy"]["retry_back_off"]["max_interval"] = _PATIENCE
    for route in _routes(configuration):
        check = route["typed_per_filter_config"][FILTER]["check_settings"]
        if "http_service" in check:
            check["http_service"]["server_uri"]["timeout"] = _PATIENCE


def _checked_by(configuration: Json, filters: list[Json]) -> Json:
    """Put other filters where ours are."""
    manager = _manager(configuration)
    manager["http_filters"] = [*filters, manager["http_filters"][-1]]
    for route in _routes(configuration):
        del route["typed_per_filter_config"][FILTER]
    return configuration


def _manager(configuration: Json) -> Json:
    (listener,) = configuration["static_resources"]["listeners"]
    manager: Json = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return manager


def _routes(configuration: Json) -> list[Json]:
    routes: list[Json] = _manager(configuration)["route_config"]["virtual_hosts"][0]["routes"]
    return routes


def _written(configuration: Json) -> str:
    # JSON is YAML, too, and with 10,000 keys in it is written and read in no time.
    return msgspec.json.encode(configuration).decode()


@asynccontextmanager
async def running_together(
    specimens: Mapping[Name, Specimen], *, folder: Path
) -> AsyncIterator[dict[Name, RunningEnvoy]]:
    """Run several Envoys until the block ends; what they print goes into the folder.

    Raises:
        ExceptionGroup: One did not start.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        ready = {}
        for number, (name, specimen) in enumerate(specimens.items()):
            ready[name] = asyncio.get_running_loop().create_future()
            log = folder / f"envoy-{number}.log"
            tasks.create_task(_keep(specimen, log, ready[name], stop))
        try:
            yield {name: await started for name, started in ready.items()}
        finally:
            stop.set()


async def _keep(
    specimen: Specimen, log: Path, ready: asyncio.Future[RunningEnvoy], stop: asyncio.Event
) -> None:
    running = running_envoy(
        specimen.plan, log_file=log, concurrency=specimen.workers, write=specimen.write
    )
    async with running as envoy:
        ready.set_result(RunningEnvoy(pid=envoy.pid, port=await envoy.port()))
        await stop.wait()
