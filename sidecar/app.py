"""The composition root: the only place where stores, faces and clients are constructed.

``open_role`` opens what one process is; nesting is the life cycle: what was opened last is closed
first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import msgspec

from analytics import accesslog
from analytics.bodies.face import BodyFace
from analytics.errors import ListenError
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from authsvc.authenticator import Authenticator
from authsvc.extauthz import grpc as grpc_face
from authsvc.extauthz import http as http_face
from authsvc.extauthz.fastlane import face as fastlane
from authsvc.follower import Follower
from authsvc.policy import KeyAuthConfig, PolicyBook, parse_key_auth
from authsvc.policy_source import load_policies
from authsvc.postgres.database import Database
from authsvc.resolver import Resolver
from authsvc.root_key import RootKey
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.address import parse_address
from sidecar.admin.app import create_admin_app
from sidecar.admin.read_only import Configuration
from sidecar.admin.server import AdminServer
from sidecar.annotation_source import annotation_rules
from sidecar.audit_key import open_audit_key
from sidecar.consumer_sync import ConsumerSync
from sidecar.control import KEY_ROLES, ChildSpec
from sidecar.declarative.editions import Declarations
from sidecar.errors import SettingsError, StartupError
from sidecar.expiry_upkeep import keep_purged
from sidecar.flag import Flag
from sidecar.governance import governing, sampling_book
from sidecar.live_tail import shown_tail
from sidecar.moesif_source import MoesifSetup, follow_setup
from sidecar.ring_opening import open_ring
from sidecar.settings import Settings, admin_tls, authsvc_tls, read_token, reveals_keys
from sidecar.spool_key import open_shelves
from sidecar.startup import open_declared
from sidecar.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class OpenedRole:
    """A role that serves, and how to ask what it needs."""

    _probes: Mapping[str, Callable[[], bool]]

    async def checks(self) -> Mapping[str, bool]:
        """Return what the role needs to serve, by name, and whether it has it."""
        return {name: probe() for name, probe in self._probes.items()}

    def needing(self, name: str, probe: Callable[[], bool]) -> "OpenedRole":
        """Return the same with one more thing that it needs."""
        return OpenedRole({**self._probes, name: probe})


@asynccontextmanager
async def open_role(
    spec: ChildSpec, *, telemetry: Telemetry, declarations: Declarations | None = None
) -> AsyncIterator[OpenedRole]:
    """Open the role that the spec says; serve inside the context, drain at its end.

    ``declarations`` are what the role goes by where the settings say that there is no database.

    Raises:
        SettingsError: An address cannot be listened on.
        StoreUnavailableError: The database is not there.
        RootKeyError: The root key does not open the database's keyring.
    """
    async with AsyncExitStack() as stack:
        if declarations is not None:
            declared = await stack.enter_async_context(
                open_declared(declarations, with_keys=spec.role in KEY_ROLES)
            )
            spec = msgspec.structs.replace(spec, root_key=declared.root_key)
            opener = _ROLES[spec.role]
            if opener is _open_admin:
                configuration = declared.configuration(spec.settings)
                opener = partial(_open_admin, configuration=configuration)
            role = await opener(spec, declared.stores, telemetry, stack)
            yield role.needing("declaration", declared.loader.is_following)
            return
        database = await stack.enter_async_context(
            Database.open(spec.database_url.reveal(), pool_size=spec.settings.database.pool_size)
        )
        yield await _ROLES[spec.role](spec, database, telemetry, stack)


async def _open_authsvc(
    spec: ChildSpec, stores: Stores, telemetry: Telemetry, stack: AsyncExitStack
) -> OpenedRole:
    settings = spec.settings.authsvc
    default = default_policy(settings.default_plugin)
    root_key = _root_key(spec)
    sealer = Sealer.unwrap(await stores.keyring.load(), root_key)
    resolver = Resolver(directory=stores.directory, sealer=sealer, metrics=telemetry.auth)
    stack.push_async_callback(resolver.close)
    # Refuses everything until the follower has read what is configured.
    authenticator = Authenticator(resolver=resolver, policies=PolicyBook(default=None))

    async def reload_policies() -> None:
        authenticator.policies = await load_policies(
            stores, default=default, annotation_of=annotation_rules
        )

    async def reload_keyring() -> None:
        sealer.adopt(Sealer.unwrap(await stores.keyring.load(), root_key))

    follower = Follower(
        feed=stores.changes,
        board=stores.board,
        worker=str(uuid4()),
        resolver=resolver,
        reload_policies=reload_policies,
        reload_keyring=reload_keyring,
        metrics=telemetry.auth,
    )
    resolver.freshness = follower
    resolver.reload_keyring = reload_keyring
    await stack.enter_async_context(follower.following())
    rules = governing(spec.settings, stores, default=default, metrics=telemetry.instructions)
    authenticator.governance = await stack.enter_async_context(rules)
    await _serve_checks(spec.settings, authenticator, telemetry, stack)
    return OpenedRole({"database": lambda: follower.is_fresh})


async def _serve_checks(
    settings: Settings, authenticator: Authenticator, telemetry: Telemetry, stack: AsyncExitStack
) -> None:
    faces = {
        "authsvc.http": (settings.authsvc.http, http_face.serve),
        "authsvc.grpc": (settings.authsvc.grpc, _grpc_face(settings)),
    }
    for setting, (address, serve) in faces.items():
        if address is not None:
            serving = serve(address, authenticator=authenticator, metrics=telemetry.auth)
            await stack.enter_async_context(_listening(serving, setting, address))


def _grpc_face(settings: Settings) -> Callable[..., AbstractAsyncContextManager[str]]:
    if settings.authsvc.transport == "grpcio":
        return grpc_face.serve
    return partial(
        fastlane.serve,
        tls=authsvc_tls(settings),
        age_seconds=settings.authsvc.max_connection_age,
    )


async def _open_analytics(
    spec: ChildSpec, stores: Stores, telemetry: Telemetry, stack: AsyncExitStack
) -> OpenedRole:
    address = spec.settings.analytics.grpc
    if address is None:
        raise SettingsError("analytics.grpc: nothing to listen on")
    collector = await stack.enter_async_context(MoesifCollector())
    pipeline = await _open_pipeline(spec, collector, telemetry, stack)
    consumers = await stack.enter_async_context(
        ConsumerSync(stores=stores, sink=collector, metrics=telemetry.profiles)
    )
    followed = Flag()

    def use(setup: MoesifSetup) -> None:
        pipeline.configure(
            setup.scopes, credential_names=setup.credential_names, topology=setup.topology
        )
        consumers.configure(setup)

    # In the background: Envoy's log is taken from the start, also while the database is away.
    default = default_policy(spec.settings.authsvc.default_plugin)
    following = follow_setup(stores, default=default, use=use, followed=followed.set)
    stack.push_async_callback(_cancel, asyncio.create_task(following, name="moesif-setup"))
    face = accesslog.serve(
        address,
        open_stream=pipeline.open_stream,
        metrics=telemetry.analytics,
        beside=BodyFace(pipeline.bodies),
    )
    await stack.enter_async_context(_listening(face, "analytics.grpc", address))
    return OpenedRole({"database": followed.is_set})


async def _open_pipeline(
    spec: ChildSpec, collector: MoesifCollector, telemetry: Telemetry, stack: AsyncExitStack
) -> Pipeline:
    book = sampling_book(spec.settings, source=collector, metrics=telemetry.instructions)
    await stack.enter_async_context(book)
    return await stack.enter_async_context(
        Pipeline(
            collector=collector,
            metrics=telemetry.analytics,
            body_metrics=telemetry.bodies,
            instructions=book,
            shelves=open_shelves(spec.settings, telemetry.analytics),
            tail=await stack.enter_async_context(shown_tail(spec.settings)),
        )
    )


async def _open_admin(
    spec: ChildSpec,
    stores: Stores,
    telemetry: Telemetry,
    stack: AsyncExitStack,
    *,
    configuration: Configuration | None = None,
) -> OpenedRole:
    listen = spec.settings.admin.listen
    if listen is None:
        raise SettingsError("admin.listen: nothing to listen on")
    default = default_policy(spec.settings.authsvc.default_plugin)
    ring = await stack.enter_async_context(
        open_ring(spec.settings, _root_key(spec), stores, telemetry.admin)
    )
    purging = keep_purged(stores, metrics=telemetry.admin)
    stack.push_async_callback(_cancel, asyncio.create_task(purging, name="expiry-upkeep"))
    app = create_admin_app(
        stores=stores,
        sealer=ring.sealer,
        keyring=ring.endpoints,
        reload_ring=ring.custodian.reload,
        token=read_token(spec.settings),
        on_request=telemetry.admin.requested,
        key_format=default.key_format if default else None,
        cors_origins=spec.settings.admin.cors_origins,
        reveal_keys=reveals_keys(spec.settings),
        audit_key=await open_audit_key(stores.keyring, _root_key(spec)),
        configuration=configuration,
    )
    address = parse_address(listen)
    await stack.enter_async_context(
        _listening(
            AdminServer(app, address=address, tls=admin_tls(spec.settings)), "admin.listen", listen
        )
    )
    return OpenedRole({})


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def default_policy(config: Mapping[str, object] | None) -> KeyAuthConfig | None:
    """Return what applies where no plugin is configured; None: refuse."""
    return None if config is None else parse_key_auth(config)


def _root_key(spec: ChildSpec) -> RootKey:
    if spec.root_key is None:
        raise StartupError(f"{spec.name} was started without a root key")
    return RootKey.from_base64(spec.root_key.reveal())


@asynccontextmanager
async def _listening(
    serving: AbstractAsyncContextManager[object], setting: str, address: str
) -> AsyncIterator[None]:
    """Enter a face; an address that cannot be listened on is the operator's mistake."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serving)
        except (OSError, ListenError):
            raise SettingsError(f"{setting}: cannot listen on {address}") from None
        yield


_Opener = Callable[[ChildSpec, Stores, Telemetry, AsyncExitStack], Awaitable[OpenedRole]]
_ROLES: Mapping[str, _Opener] = {
    "authsvc": _open_authsvc,
    "analytics": _open_analytics,
    "admin": _open_admin,
}
