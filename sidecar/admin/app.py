"""The Admin API as an aiohttp application: what HTTP is about it, and nothing else."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from aiohttp import web
from aiohttp.typedefs import Middleware

from authsvc.audit import AuditChain, Deed
from authsvc.keyring import generate_key
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.admin.applied import AppliedWait
from sidecar.admin.arguments import Arguments
from sidecar.admin.audit_endpoint import AuditEndpoints
from sidecar.admin.boundary import (
    ROUTE,
    AdminMetrics,
    boundary_of,
    headers_of,
    ignore,
    json_answer,
    method_of,
)
from sidecar.admin.call import Call, Reply
from sidecar.admin.catalogue import (
    entity_endpoints,
    make_resources,
    schema_endpoints,
    tag_endpoints,
)
from sidecar.admin.cors import Origins
from sidecar.admin.documents import Clock
from sidecar.admin.endpoints import AnyResource
from sidecar.admin.guard import Guard
from sidecar.admin.information import Information, Node, Traffic
from sidecar.admin.key_concealment import KeyConcealment
from sidecar.admin.openapi import openapi_endpoint
from sidecar.admin.payload import Payload, check_content_type, decode_payload
from sidecar.admin.problems import ProblemError, method_not_allowed, not_found, plain
from sidecar.admin.protocol import invite_body
from sidecar.admin.read_only import Configuration, ReadOnlyStores, completed
from sidecar.admin.recorder import Recorder
from sidecar.admin.refusals import UNKNOWN, UNMATCHED
from sidecar.admin.roles import Caller, Role
from sidecar.admin.routing import Endpoint, Match, Routes
from sidecar.admin.row_writer import ReloadRing
from sidecar.admin.tokens import TokenCallers, token_endpoints
from sidecar.secret import Secret

MAX_BODY = 10 * 2**20  # bytes, as Kong
_BODY_LIMIT = 30.0  # seconds that a client has to send its body in
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
GUARDED = web.AppKey("guarded", bool)
"""Whether every request must bring a token."""


def create_admin_app(
    *,
    stores: Stores,
    sealer: Sealer,
    token: Secret | None = None,
    clock: Clock = time.time,
    node: Node | None = None,
    on_request: AdminMetrics = ignore,
    applied_limit: float = 10.0,
    key_format: str | None = None,
    keyring: Sequence[Endpoint] = (),
    reload_ring: ReloadRing | None = None,
    cors_origins: Sequence[str] = (),
    reveal_keys: bool = True,
    audit_key: bytes | None = None,
    configuration: Configuration | None = None,
) -> web.Application:
    """Make the Admin API.

    Args:
        stores: Where everything is kept.
        sealer: Seals and opens keys.
        token: What every request must bring; None: only this host may ask.
        clock: Returns the epoch seconds.
        node: What ``/`` says of this process.
        on_request: Counts requests.
        applied_limit: For how many seconds ``?wait=applied`` waits.
        key_format: How keys are generated where no global plugin says it.
        keyring: What changes the keyring; none where there is no keyring.
        reload_ring: Lets the sealer go on with the keyring as it is stored.
        cors_origins: The origins whose pages may use the API from a browser.
        reveal_keys: Whether stored keys are shown again, to others than viewers.
        audit_key: What the audit log is chained under; None: a new key, so that nothing that
            this process writes can be verified by another.
        configuration: What is declared, where there is no database: everything else is read-only.
    """
    traffic = Traffic()
    stores = stores if configuration is None else ReadOnlyStores(stores)
    about = Information(node=node, stores=stores, traffic=traffic, configuration=configuration)
    chain = AuditChain(audit_key or generate_key(), clock=clock)
    resources = make_resources(
        stores, sealer, clock=clock, key_format=key_format, reload_ring=reload_ring
    )
    entities = [*_endpoints(resources, clock), *_records(stores, chain, clock)]
    origins = Origins(cors_origins)
    recorder = Recorder(stores.audit, chain)
    front = _Front(
        guard=Guard(token, find_caller=TokenCallers(stores.tokens).find, origins=origins),
        routes=_routes(about, completed(entities, keyring, configuration)),
        wait=AppliedWait(board=stores.board, changes=stores.changes, limit=applied_limit),
        origins=origins,
        concealment=KeyConcealment(reveal=reveal_keys),
        recorder=recorder,
    )
    app = _application(front, boundary_of(traffic, on_request, origins), recorder)
    app[GUARDED] = token is not None
    return app


def _application(front: "_Front", boundary: Middleware, recorder: Recorder) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY, middlewares=[boundary])
    app.cleanup_ctx.append(recorder.telling)
    app.router.add_route("*", "/{path:.*}", front.answer, expect_handler=invite_body)
    return app


def _routes(information: Information, endpoints: list[Endpoint]) -> Routes:
    known = [*information.endpoints(), *endpoints]
    known.append(openapi_endpoint(known, version=version("tollkeeper")))
    return Routes([*known, information.index(known)])


def _endpoints(resources: dict[str, AnyResource], clock: Clock) -> list[Endpoint]:
    return [
        *entity_endpoints(resources, clock=clock),
        *schema_endpoints(resources, clock=clock),
    ]


def _records(stores: Stores, chain: AuditChain, clock: Clock) -> list[Endpoint]:
    return [
        *tag_endpoints(stores),
        *token_endpoints(stores.tokens, clock=clock),
        *AuditEndpoints(stores.audit, chain).endpoints(),
    ]


class _Front:
    """From an HTTP request to a handler's reply, in Kong's order of checks."""

    def __init__(
        self,
        *,
        guard: Guard,
        routes: Routes,
        wait: AppliedWait,
        origins: Origins,
        concealment: KeyConcealment,
        recorder: Recorder,
    ) -> None:
        self._guard = guard
        self._routes = routes
        self._wait = wait
        self._origins = origins
        self._concealment = concealment
        self._recorder = recorder

    async def answer(self, request: web.Request) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        match = self._routes.match(path)
        headers = headers_of(request)
        caller = None
        try:
            caller = await self._guard.admit(
                method=request.method, scheme=request.scheme, headers=headers
            )
            if match is None:
                raise not_found()
            request[ROUTE] = match.endpoint.template
            if request.method == "OPTIONS":
                allowed = match.endpoint.allowed
                invitation = self._origins.invited(headers, allowed)
                return web.Response(status=204, headers={"Allow": allowed, **invitation})
            reply = await self._reply(request, match, path, Arguments.parse(query), caller)
        except ProblemError as problem:
            endpoint = match.endpoint if match else None
            deed = _deed(request, endpoint, caller)
            await self._recorder.refused(deed, endpoint, status=problem.status)
            raise
        return json_answer(reply.status, reply.body)

    async def _reply(
        self,
        request: web.Request,
        match: Match,
        path: str,
        arguments: Arguments,
        caller: Caller,
    ) -> Reply:
        has_body = request.method in _WITH_BODY
        content_type = request.headers.get("Content-Type")  # aiohttp refuses a second one
        if has_body:
            also = match.endpoint.texts
            check_content_type(content_type, has_body=request.can_read_body, also=also)
        handler = match.endpoint.handler(request.method)
        if handler is None:
            raise method_not_allowed(match.endpoint.allowed)
        _check_role(caller, match.endpoint.access.needed(request.method))
        wanted = self._wait.is_wanted(arguments)
        payload = Payload()
        if has_body:
            payload = decode_payload(content_type, await _read(request))
        call = Call(
            path=path.removesuffix("/"),
            segments=match.segments,
            arguments=arguments,
            payload=payload,
        )
        deed = _deed(request, match.endpoint, caller)
        async with self._recorder.recording(deed, match.endpoint):
            reply = await handler(call)
        if wanted:
            await self._wait.wait(reply)
        body = self._concealment.applied(
            reply,
            caller=caller,
            method=request.method,
            operation=match.endpoint.operation(request.method),
        )
        return replace(reply, body=body)


def _deed(request: web.Request, endpoint: Endpoint | None, caller: Caller | None) -> Deed:
    return Deed(
        who=caller.name if caller else UNKNOWN,
        role=caller.role if caller else UNKNOWN,
        source=request.remote or "unix",
        method=method_of(request),
        route=endpoint.template if endpoint else UNMATCHED,
    )


def _check_role(caller: Caller, needed: Role) -> None:
    if not caller.role.includes(needed):
        raise plain(403, f"This needs a token of the role {needed}")


async def _read(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_LIMIT):
            return await request.read()
    except TimeoutError:
        raise plain(408, "Request timeout") from None
    except (web.RequestPayloadError, ConnectionError):
        raise plain(400, "Bad request") from None
