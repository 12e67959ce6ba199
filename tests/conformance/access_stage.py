"""Where the request-time cases are played: the product, real Envoys and an upstream."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sidecar.address import TcpAddress
from sidecar.admin_client import AdminApiError, AdminClient, AdminRefusedError, open_admin
from sidecar.envoy_config.admin_source import fetch_gateway
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_process import Envoy, running_envoy
from tests.clients.raw_http import Response, exchange
from tests.conformance.access_cases import GRPC, HTTP, Case, expected
from tests.conformance.access_cast import Cast, fixed
from tests.conformance.access_judgement import differences, unasked_changes
from tests.deadline import eventually
from tests.fakes.product import HOST, Product
from tests.fakes.stack import Database, applied
from tests.fakes.upstream import Sighting, Upstream, running_upstream

_AT_ONCE = 8  # requests to the Admin API


@dataclass
class Stage:
    """Every case has a route; requests go to it through the Envoy of a face.

    ``edge_ttl`` is for how many seconds Envoy may answer by itself, 0 if it may not. Where it may,
    what is judged is sent so often that the last is such an answer wherever there can be one.
    """

    database: Database
    upstream: Upstream
    admin: AdminClient
    cast: Cast
    envoys: Mapping[str, Envoy]
    ports: Mapping[str, int]
    edge_ttl: int = 0

    async def play(self, case: Case) -> dict[str, list[str]]:
        """Play a case; return what is not as expected, by face."""
        before = case.get("before", ())
        await self._recover()
        await self.cast.appear(case["consumers"], anew=bool(before) or "ttl" in str(case))
        for step in before:
            await self._take(case, step)
        if before:
            await asyncio.sleep(self.edge_ttl)  # what was answered before is over then
        found = {face: [line async for line in self._judge(case, face)] for face in self.ports}
        return {face: lines for face, lines in found.items() if lines}

    async def _judge(self, case: Case, face: str) -> AsyncIterator[str]:
        expect = self.cast.filled(expected(case, face))
        request = self.cast.filled(case["request"])
        for _ in range(2 if self.edge_ttl else 0):
            await self._send(case, request, face)
        response = await self._send(case, request, face)
        sighting = self.upstream.behind(response)
        for line in differences(expect, response, sighting):
            yield line
        if sighting is not None:
            hidden = bool((case["config"] or {}).get("hide_credentials"))
            for line in unasked_changes(_sent(request), sighting, expect, hidden=hidden):
                yield line

    async def _take(self, case: Case, step: Mapping[str, Any]) -> None:
        match step["do"]:
            case "sleep":
                await asyncio.sleep(step["seconds"])
            case "stop_database":
                await self.database.kill()
            case "request" | "request_until":
                await self._expect_status(case, step)
            case _:
                await self.cast.change(step)

    async def _expect_status(self, case: Case, step: Mapping[str, Any]) -> None:
        async def is_met() -> bool:
            request = self.cast.filled(step["request"])
            response = await self._send(case, request, GRPC)
            return response.status == step["expect"]["status"]

        if step["do"] == "request":
            assert await is_met(), step
        await eventually(is_met, f"{step}", within=step.get("timeout", 10))

    async def _send(self, case: Case, request: Mapping[str, Any], face: str) -> Response:
        return await exchange(self.ports[face], _written(request, f"{case['id']}.test"))

    async def _recover(self) -> None:
        if self.database.is_running:
            return
        await self.database.start()

        async def is_back() -> bool:
            try:
                await self.cast.leave()
            except (AdminApiError, AdminRefusedError):
                return False
            return True

        await eventually(is_back, "the product to find its database", within=30)


@asynccontextmanager
async def raised_stage(
    directory: Path, cases: Iterable[Case], *, edge_ttl: int = 0
) -> AsyncIterator[Stage]:
    """Start everything, with a route for each case."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream())
        database = Database(directory / "database")
        await database.start()
        stack.push_async_callback(database.kill)
        product = Product(directory, database_url=database.url)
        await stack.enter_async_context(product)
        admin = await stack.enter_async_context(open_admin(product.admin_url))
        await _configure(admin, upstream.port, cases, edge_ttl)
        envoys, ports = {}, {}
        for face, plan in (await _plans(product, edge_cache=edge_ttl > 0)).items():
            log = directory / f"envoy-{face}.log"
            running = running_envoy(plan, log_file=log, concurrency=1, write=_without_early_strip)
            envoys[face] = await stack.enter_async_context(running)
            ports[face] = await envoys[face].port()
        yield Stage(database, upstream, admin, Cast(admin), envoys, ports, edge_ttl)


async def _configure(
    admin: AdminClient, upstream: int, cases: Iterable[Case], edge_ttl: int
) -> None:
    await admin.send("PUT", "/services/web", {"host": HOST, "port": upstream})
    gate = asyncio.Semaphore(_AT_ONCE)

    async def add(case: Case) -> None:
        async with gate:
            route = {"hosts": [f"{case['id']}.test"], "service": {"name": "web"}}
            await admin.send("PUT", f"/routes/{case['id']}", route)
            for plugin in _plugins(case, edge_ttl):
                await admin.send("POST", f"/routes/{case['id']}/plugins", plugin)

    await asyncio.gather(*map(add, cases))
    await applied(admin)


def _plugins(case: Case, edge_ttl: int) -> Iterator[dict[str, Any]]:
    for name, field in (("key-auth-enc", "config"), ("acl", "acl")):
        config = {option: fixed(value) for option, value in (case[field] or {}).items()}
        if edge_ttl and field == "config":
            config["edge_cache"] = {"ttl": edge_ttl}
        if config:
            yield {"name": name, "config": config}


async def _plans(product: Product, *, edge_cache: bool) -> dict[str, EnvoyPlan]:
    served = await fetch_gateway(product.admin_url)
    assert served.skipped == ()
    plan = EnvoyPlan(
        listen=TcpAddress(HOST, 0),
        authsvc=product.authsvc,
        analytics=None,
        upstreams=served.upstreams,
        routes=served.routes,
        secret_headers=served.key_names,
        edge_cache=edge_cache,
    )
    return {GRPC: plan, HTTP: replace(plan, authsvc_http=product.authsvc_http)}


def _without_early_strip(plan: EnvoyPlan) -> str:
    """Return the configuration without what would hide a mistake of the answer to the check."""
    made = bootstrap(plan)
    (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    del manager["early_header_mutation_extensions"]
    manager["common_http_protocol_options"]["headers_with_underscores_action"] = "ALLOW"
    return yaml.safe_dump(made)


def _written(request: Mapping[str, Any], host: str) -> bytes:
    sent = _sent(request)
    lines = [f"{sent.method} {sent.target} HTTP/1.1", f"host: {host}", "connection: close"]
    for name, value in request["headers"].items():
        lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value])]
    if request["content_type"] is not None:
        lines.append(f"content-type: {request['content_type']}")
    if request["body"] is not None:
        lines.append(f"content-length: {len(sent.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + sent.body


def _sent(request: Mapping[str, Any]) -> Sighting:
    target = f"{request['path']}?{request['query']}" if request["query"] else request["path"]
    text = request["body"] or ""
    body = base64.b64decode(text) if request["body_base64"] else text.encode()
    return Sighting(request["method"], target, (), body)
