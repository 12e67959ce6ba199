"""One product behind Envoys that are configured in different ways."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sidecar.address import TcpAddress
from sidecar.envoy_config.bootstrap import bootstrap, render
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_process import running_envoy
from tests.clients.raw_http import Response, exchange
from tests.fakes.stack import Stack
from tests.fakes.upstream import Sighting, Upstream, running_upstream

# As `envoy-config` prints it, and as somebody may write it who sets only what must be set;
# authsvc asked over gRPC, and over HTTP.
HARD, PLAIN, HARD_HTTP, PLAIN_HTTP = "hard", "plain", "hard http", "plain http"
SIDES = (HARD, PLAIN, HARD_HTTP, PLAIN_HTTP)
# Where nobody answers Envoy's questions; `open`: it lets requests pass then.
HARD_ALONE, HARD_ALONE_OPEN, PLAIN_ALONE_OPEN = "hard alone", "hard alone open", "plain alone open"
PLAIN_OPEN = "plain open"
TUNNEL = "tunnel"  # takes CONNECT requests, by the rules of the route `hiding`

_NOBODY = TcpAddress("127.0.0.1", 1)
_UPSTREAM = "upstream_web"

Change = Callable[[dict[str, Any], dict[str, Any]], None]  # of the manager, and of ext_authz


@dataclass
class Sides:
    """The ports of the Envoys, by side, and the upstream behind all of them."""

    ports: Mapping[str, int]
    upstream: Upstream
    times: int = 1  # as a stack's

    async def ask(
        self, side: str, *lines: str | bytes, body: bytes = b"", times: int | None = None
    ) -> tuple[Response, Sighting | None]:
        """Send a request line, header lines and a body; return the answer, and what arrived.

        A request without Host gets one, one with a body its length unless it is in chunks, and
        every one asks to close the connection. Sent several times, it is to come to the same.
        """
        asked = [await self._ask(side, *lines, body=body)]
        while len(asked) < (times or self.times) and asked[0][0].status not in _ENVOYS_OWN:
            asked.append(await self._ask(side, *lines, body=body))
        outcomes = [_without_what_is_new(*each) for each in asked]
        assert outcomes == outcomes[:1] * len(asked)
        return asked[-1]

    async def _ask(
        self, side: str, *lines: str | bytes, body: bytes
    ) -> tuple[Response, Sighting | None]:
        raw = [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
        raw[0] += b" HTTP/1.1"
        named = {line.lower().partition(b":")[0] for line in raw}
        if b"host" not in named:
            raw.append(b"Host: gateway.test")
        if body and b"transfer-encoding" not in named:
            raw.append(b"Content-Length: %d" % len(body))
        raw.append(b"Connection: close")
        response = await exchange(self.ports[side], b"\r\n".join([*raw, b"", b""]) + body)
        return response, self.upstream.behind(response)


_ENVOYS_OWN = frozenset({400, 404, 431})  # what it refuses itself gets to no filter
_NEW = frozenset(
    {
        *("date", "x-envoy-upstream-service-time", "x-request-id", "x-sighting"),
        *("content-length", "x-moesif-transaction-id"),
    }
)


def _without_what_is_new(response: Response, sighting: Sighting | None) -> object:
    """Return what does not differ from request to request, in order."""
    answered = [line for line in response.lines if line[0] not in _NEW]
    if sighting is None:
        return response.status, answered
    arrived = [each for each in sighting.headers if each[0] not in _NEW]
    return response.status, answered, sighting.target, arrived, sighting.body


@asynccontextmanager
async def running_sides(stack: Stack, directory: Path) -> AsyncIterator[Sides]:
    """Start the Envoys in front of the stack's product."""
    async with AsyncExitStack() as exits:
        upstream = await exits.enter_async_context(running_upstream())
        ports = {}
        for number, (side, (plan, write)) in enumerate(_sides(stack, upstream).items()):
            log = directory / f"envoy-{number}.log"
            envoy = await exits.enter_async_context(
                running_envoy(plan, log_file=log, concurrency=1, write=write)
            )
            ports[side] = await envoy.port()
        yield Sides(ports, upstream, stack.times)


def _sides(
    stack: Stack, upstream: Upstream
) -> dict[str, tuple[EnvoyPlan, Callable[[EnvoyPlan], str]]]:
    address = TcpAddress("127.0.0.1", upstream.port)
    plan = replace(
        stack.plan,
        upstreams=tuple(
            replace(one, address=address) if one.name == _UPSTREAM else one
            for one in stack.plan.upstreams
        ),
    )
    over_http = replace(plan, authsvc_http=stack.product.authsvc_http)
    alone = replace(plan, authsvc=_NOBODY)
    return {
        HARD: (plan, render),
        PLAIN: (_with_underscores(plan), _changed(_loosen)),
        HARD_HTTP: (over_http, render),
        PLAIN_HTTP: (_with_underscores(over_http), _changed(_loosen)),
        HARD_ALONE: (alone, render),
        HARD_ALONE_OPEN: (alone, _changed(_open)),
        PLAIN_ALONE_OPEN: (_with_underscores(alone), _changed(_loosen, _open)),
        PLAIN_OPEN: (_with_underscores(plan), _changed(_loosen, _open)),
        TUNNEL: (plan, _changed(_tunnel)),
    }


def _with_underscores(plan: EnvoyPlan) -> EnvoyPlan:
    """Return a plan by which headers with underscores come through, as Envoy's default is."""
    return replace(plan, secret_headers=(*plan.secret_headers, "some_key"))


def _changed(*changes: Change) -> Callable[[EnvoyPlan], str]:
    def write(plan: EnvoyPlan) -> str:
        made = bootstrap(plan)
        (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
        manager = chain["filters"][0]["typed_config"]
        filters = {each["name"]: each["typed_config"] for each in manager["http_filters"]}
        for change in changes:
            change(manager, filters["envoy.filters.http.ext_authz"])
        return yaml.safe_dump(made)

    return write


_HARDENING = (
    "early_header_mutation_extensions",
    "use_remote_address",
    "xff_num_trusted_hops",
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
)
_STRICTNESS = (
    "encode_raw_headers",
    "validate_mutations",
    "status_on_error",
    "decoder_header_mutation_rules",
)


def _loosen(manager: dict[str, Any], ext_authz: dict[str, Any]) -> None:
    for name in _HARDENING:
        del manager[name]
    for name in _STRICTNESS:
        del ext_authz[name]


def _open(_manager: dict[str, Any], ext_authz: dict[str, Any]) -> None:
    ext_authz["failure_mode_allow"] = True


def _tunnel(manager: dict[str, Any], _ext_authz: dict[str, Any]) -> None:
    upgrade = {"upgrade_type": "CONNECT", "connect_config": {}}
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    hiding = next(route for route in routes if route["name"] == "hiding")
    action = {"cluster": _UPSTREAM, "upgrade_configs": [upgrade]}
    routes.insert(0, {**hiding, "match": {"connect_matcher": {}}, "route": action})
    manager["upgrade_configs"] = [{"upgrade_type": "CONNECT"}]
