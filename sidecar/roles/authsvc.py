"""Who is calling? The workers that answer Envoy's checks."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from uuid import uuid4

from authsvc.authenticator import Authenticator
from authsvc.follower import Follower
from authsvc.known_keys import KnownKeys
from authsvc.policy import PolicyBook
from authsvc.policy_source import load_policies
from authsvc.resolver import Resolver
from authsvc.sealing import Sealer
from sidecar.lean_imports import import_lean_protobuf
from sidecar.neighbours import FileNeighbours
from sidecar.roles.moesif_rules import MoesifRules
from sidecar.roles.opening import OpenedRole, Opening
from sidecar.tls import authsvc_tls

_Face = Callable[..., AbstractAsyncContextManager[str]]


async def open_authsvc(opening: Opening) -> OpenedRole:
    """Open a worker: it refuses everything until it has read what is configured.

    Raises:
        SettingsError: An address cannot be listened on.
        StoreUnavailableError: The database is not there.
        RootKeyError: The root key does not open the keyring.
    """
    stores, stack, metrics = opening.stores, opening.stack, opening.telemetry.auth
    stack.callback(metrics.flush)  # the last thing: what was answered until then counts
    default, root_key = opening.default_policy, opening.root_key
    sealer = Sealer.unwrap(await stores.keyring.load(), root_key)
    resolver = Resolver(directory=stores.directory, sealer=sealer, metrics=metrics)
    stack.push_async_callback(resolver.close)
    authenticator = Authenticator(resolver=resolver, policies=PolicyBook(default=None))
    rules = MoesifRules(opening)
    authenticator.governance = rules

    async def reload_policies() -> None:
        authenticator.policies = await load_policies(
            stores, default=default, annotation_of=rules.annotation_of
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
        metrics=metrics,
    )
    resolver.freshness = follower
    resolver.reload_keyring = reload_keyring
    resolver.known_keys = _known_keys(opening, sealer)
    await stack.enter_async_context(follower.following())
    if resolver.known_keys is not None:
        await stack.enter_async_context(resolver.known_keys.loading())
    await stack.enter_async_context(rules.following())
    await _serve_checks(opening, authenticator)
    return OpenedRole({"database": lambda: follower.is_fresh})


def _known_keys(opening: Opening, sealer: Sealer) -> KnownKeys | None:
    if opening.declared is not None:
        return None  # all keys are in this process already
    return KnownKeys(listing=opening.stores.digests, sealer=sealer, metrics=opening.telemetry.auth)


async def _serve_checks(opening: Opening, authenticator: Authenticator) -> None:
    settings = opening.spec.settings.authsvc
    if settings.http is not None:
        await _serve(opening, authenticator, _http_face(opening), "authsvc.http", settings.http)
    if settings.grpc is not None:
        await _serve(opening, authenticator, _grpc_face(opening), "authsvc.grpc", settings.grpc)


async def _serve(
    opening: Opening, authenticator: Authenticator, serve: _Face, setting: str, address: str
) -> None:
    serving = serve(address, authenticator=authenticator, metrics=opening.telemetry.auth)
    await opening.listen(serving, setting, address)


# A face brings a server along that is heavier than all of the rest: only who serves it has it.


def _http_face(opening: Opening) -> _Face:
    from authsvc.extauthz import http_listener  # noqa: PLC0415 - as above

    if opening.spec.settings.authsvc.grpc is None:
        http_listener.load()  # at once: this is what will be asked
    return http_listener.serve


def _grpc_face(opening: Opening) -> _Face:
    settings = opening.spec.settings.authsvc
    import_lean_protobuf()
    if settings.transport == "grpcio":
        from authsvc.extauthz import grpc  # noqa: PLC0415 - as above

        return partial(grpc.serve, drain_seconds=opening.notice_of(grpc.DRAIN_SECONDS))
    from authsvc.extauthz.fastlane import face  # noqa: PLC0415 - as above
    from sidecar.connection_metrics import ConnectionCounters  # noqa: PLC0415 - as above

    return partial(
        face.serve,
        tls=authsvc_tls(settings.tls),
        age_seconds=settings.max_connection_age,
        connections=opening.telemetry.counting(ConnectionCounters),
        drain_seconds=opening.notice_of(face.DRAIN_SECONDS),
        neighbours=_neighbours(opening),
    )


def _neighbours(opening: Opening) -> FileNeighbours | None:
    """Return what tells other workers how busy this one is, if there may be others."""
    spec = opening.spec
    if spec.metrics_dir is None or spec.settings.authsvc.workers == 1:
        return None
    neighbours = FileNeighbours(Path(spec.metrics_dir), spec.name)
    return opening.stack.enter_context(neighbours.present())
