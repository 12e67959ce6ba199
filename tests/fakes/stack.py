"""Everything together, all of it real: Postgres, the product, Envoy, upstreams, a collector."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sidecar.address import TcpAddress
from sidecar.admin_client import AdminClient, AdminRefusedError, open_admin
from sidecar.demo.echo import running_echo
from sidecar.embedded_postgres import EmbeddedPostgres
from sidecar.envoy_config.admin_source import fetch_gateway
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_process import Envoy, running_envoy
from tests.clients.raw_http import Response, send
from tests.deadline import eventually
from tests.fakes.collector import Collector
from tests.fakes.grpc_echo import running_grpc_echo
from tests.fakes.product import HOST, Product

# The machine does not fail here; processes do, so that commits must reach it.
_FAST = {"fsync": "off"}
_NOT_IN_TIME = 504  # what `?wait=applied` answers after some seconds


class Database:
    """A Postgres that can be killed, and comes back when it is told to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: EmbeddedPostgres | None = None
        self.url = ""

    @property
    def is_running(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        self._server = EmbeddedPostgres(self._directory, settings=_FAST)
        url = await self._server.__aenter__()
        assert self.url in {"", url}
        self.url = url

    async def kill(self) -> None:
        """End it at once; it stays away until it is started."""
        if self._server is not None:
            pid = int((self._directory / "postgres/postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)  # its children notice by themselves
            await self._server.__aexit__(None, None, None)
            self._server = None


@dataclass(frozen=True)
class Key:
    """An API key, and whose it is."""

    text: str
    id: str
    consumer_id: str
    username: str

    @property
    def header(self) -> str:
        return f"apikey: {self.text}"


@dataclass
class Stack:
    """What the tests work with.

    ``edge_ttl`` is for how many seconds Envoy may answer by itself; 0: it always asks authsvc.
    Where it may, every request is sent ``times`` times, so that the last one is such an answer
    wherever there can be one.
    """

    database: Database
    product: Product
    collector: Collector
    admin: AdminClient
    envoy: Envoy
    envoy_log: Path
    port: int
    plan: EnvoyPlan
    edge_ttl: int = 0

    @property
    def times(self) -> int:
        """The first answer tells Envoy what counts, the second it keeps, the third is its own."""
        return 3 if self.edge_ttl else 1

    @property
    def live_within(self) -> int:
        """So many seconds after a change, every request goes by it."""
        return 2 + self.edge_ttl

    async def get(
        self, target: str = "/", *headers: str, method: str = "GET", times: int | None = None
    ) -> Response:
        """Ask Envoy, with header lines written out; return the last answer."""
        for _ in range((times or self.times) - 1):
            await send(self.port, target, *headers, method=method)
        return await send(self.port, target, *headers, method=method)

    def key_auth(self, **config: Any) -> dict[str, Any]:
        """Return a configuration of ``key-auth-enc`` for this stack."""
        return {**config, **_edge_cache(self.edge_ttl)}

    async def forgotten(self) -> None:
        """Return once Envoy has nothing of before, which is a promise about time alone."""
        await asyncio.sleep(self.edge_ttl)

    async def new_key(self, **fields: Any) -> Key:
        """Make a consumer with a key that every worker knows."""
        username = f"user-{secrets.token_hex(4)}"
        consumer = await self.admin.send("POST", "/consumers", {"username": username})
        key = await self.admin.send(
            "POST", f"/consumers/{consumer['id']}/key-auth-enc?wait=applied", fields
        )
        return Key(key["key"], key["id"], consumer["id"], username)

    async def delete(self, key: Key, *, wait: bool = True) -> None:
        path = f"/consumers/{key.consumer_id}/key-auth-enc/{key.id}"
        await self.admin.send("DELETE", f"{path}?wait=applied" if wait else path)
        if wait:
            await self.forgotten()

    def paths(self) -> list[str]:
        """Return the paths of all events that the collector took."""
        return [
            event["request"]["uri"].partition("//")[2].partition("/")[2]
            for event in self.collector.events
        ]


@asynccontextmanager
async def running_stack(
    directory: Path, *, workers: int = 1, edge_ttl: int = 0
) -> AsyncIterator[Stack]:
    """Start everything; routes lead as ``_ROUTES`` says."""
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(running_echo(HOST, 0))
        grpc_echo = await stack.enter_async_context(running_grpc_echo())
        collector = await stack.enter_async_context(Collector())
        database = Database(directory / "database")
        await database.start()
        stack.push_async_callback(database.kill)
        product = Product(directory, database_url=database.url, workers=workers)
        await stack.enter_async_context(product)
        admin = await stack.enter_async_context(open_admin(product.admin_url))
        await _configure(admin, echo, grpc_echo, collector.url, edge_ttl)
        plan = replace(await plan_of(product), edge_cache=edge_ttl > 0)
        envoy_log = directory / "envoy.log"
        # Each worker of Envoy keeps its own answers.
        concurrency = 1 if edge_ttl else 2
        running = running_envoy(plan, log_file=envoy_log, concurrency=concurrency)
        envoy = await stack.enter_async_context(running)
        port = await envoy.port()
        yield Stack(database, product, collector, admin, envoy, envoy_log, port, plan, edge_ttl)


_PLUGINS = ("key-auth-enc", "acl")
_HIDING = {"hide_credentials": True}
_ROUTES: Mapping[str, Mapping[str, Any]] = {
    "open": {"paths": ["/"], "service": "web"},
    "hiding": {"paths": ["/hiding"], "service": "web", "key-auth-enc": _HIDING},
    "header-only": {
        "paths": ["/header-only"],
        "service": "web",
        "key-auth-enc": {"key_in_query": False},
    },
    "guests": {
        "paths": ["/guests"],
        "service": "web",
        "key-auth-enc": {**_HIDING, "anonymous": "guest"},
    },
    "bearers": {
        "paths": ["/bearers"],
        "service": "web",
        "key-auth-enc": {**_HIDING, "key_in_bearer": True},
    },
    "cookies": {
        "paths": ["/cookies"],
        "service": "web",
        "key-auth-enc": {**_HIDING, "key_in_cookie": True},
    },
    "bodies": {
        "paths": ["/bodies"],
        "service": "web",
        "key-auth-enc": {**_HIDING, "key_in_body": True},
    },
    "changing": {"paths": ["/changing"], "service": "web"},
    "hosted": {"hosts": ["hosted.test"], "service": "web", "key-auth-enc": {"key_names": ["own"]}},
    "calls": {"paths": ["/"], "service": "calls", "protocols": ["grpc"]},
    "members": {
        "paths": ["/members"],
        "service": "calls",
        "protocols": ["grpc"],
        "acl": {"allow": ["members"]},
    },
    "nobodies": {
        "paths": ["/nobodies"],
        "service": "calls",
        "protocols": ["grpc"],
        "key-auth-enc": {"anonymous": "nobody"},
    },
    "streams": {
        "paths": ["/test.Stream"],
        "service": "calls",
        "key-auth-enc": {**_HIDING, "key_in_body": True},
    },
}


async def _configure(
    admin: AdminClient, echo: int, grpc_echo: int, collector: str, edge_ttl: int
) -> None:
    await admin.send("PUT", "/services/web", {"host": HOST, "port": echo})
    await admin.send("PUT", "/consumers/guest", {})
    calls = {"host": HOST, "port": grpc_echo, "protocol": "grpc"}
    await admin.send("PUT", "/services/calls", calls)
    for name, fields in _ROUTES.items():
        route = {**fields, "service": {"name": fields["service"]}, "strip_path": False}
        plugins = [
            {"name": plugin, "config": {**route.pop(plugin)}}
            for plugin in _PLUGINS
            if plugin in route
        ]
        await admin.send("PUT", f"/routes/{name}", route)
        for plugin in plugins:
            if plugin["name"] == "key-auth-enc":
                plugin["config"] |= _edge_cache(edge_ttl)
            await admin.send("POST", f"/routes/{name}/plugins", plugin)
    if edge_ttl:
        everywhere = {"name": "key-auth-enc", "config": _edge_cache(edge_ttl)}
        await admin.send("POST", "/plugins", everywhere)
    moesif = {"application_id": "tests", "api_endpoint": collector, "batch_max_wait": 100}
    await admin.send("POST", "/plugins", {"name": "moesif", "config": moesif})
    await applied(admin)


async def applied(admin: AdminClient) -> None:
    """Return once every worker goes by all that was written, however busy this machine is."""

    async def is_applied() -> bool:
        try:
            await admin.send("PATCH", "/services/web?wait=applied", {})
        except AdminRefusedError as error:
            if error.status != _NOT_IN_TIME:
                raise
            return False
        return True

    await eventually(is_applied, "every worker to go by what was written", within=60)


def _edge_cache(ttl: int) -> dict[str, Any]:
    return {"edge_cache": {"ttl": ttl}} if ttl else {}


async def plan_of(product: Product) -> EnvoyPlan:
    """Return what Envoy is to do by the product's Admin API."""
    served = await fetch_gateway(product.admin_url)
    assert served.skipped == ()
    return EnvoyPlan(
        listen=TcpAddress(HOST, 0),
        authsvc=product.authsvc,
        analytics=product.analytics,
        upstreams=served.upstreams,
        routes=served.routes,
        secret_headers=served.key_names,
    )
