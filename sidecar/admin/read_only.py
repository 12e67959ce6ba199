"""The Admin API of what is declared in a file: everything can be read, and nothing written.

As in Kong without a database: what is sent is judged first, so that 400 and 404 come as ever, and
the write itself is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from authsvc.entities import Entity
from authsvc.store import EntityStore, Stores, TagFilter
from sidecar.admin.call import Call, Handler, Reply
from sidecar.admin.kinds import is_uuid
from sidecar.admin.operation import Listed, Operation, Sent, Shown
from sidecar.admin.payload import TEXTS
from sidecar.admin.problems import ProblemError, operation_unsupported, plain
from sidecar.admin.roles import ADMINS_ONLY, WRITES
from sidecar.admin.routing import Endpoint
from sidecar.admin.schema import Schema

E = TypeVar("E", bound=Entity)

_ACTIONS = {"POST": "create", "PUT": "create or update", "PATCH": "update", "DELETE": "remove"}
_NO_KEYRING = "the keyring is only available when Tollkeeper is configured to use a database"
_NOT_HERE = "this endpoint is only available when Kong is configured to not use a database"


class ReadOnlyError(Exception):
    """Something was to be written where nothing can be."""


class ReadOnlyStore(Generic[E]):
    """An ``EntityStore`` whose writes all raise ``ReadOnlyError``."""

    def __init__(self, store: EntityStore[E]) -> None:
        self._store = store

    async def get(self, entity_id: str) -> E | None:
        """Return the entity with this id."""
        return await self._store.get(entity_id)

    async def find(self, **fields: object) -> E | None:
        """Return the one entity with these values."""
        return await self._store.find(**fields)

    async def page(
        self,
        *,
        size: int,
        after: str | None = None,
        tags: TagFilter | None = None,
        **fields: object,
    ) -> Sequence[E]:
        """Return entities in the order of their ids."""
        return await self._store.page(size=size, after=after, tags=tags, **fields)

    async def insert(self, entity: E) -> int:  # noqa: ARG002 - the port
        """Refuse."""
        raise ReadOnlyError

    async def replace(self, entity: E, *, expected: E | None = None) -> int | None:  # noqa: ARG002 - the port
        """Refuse."""
        raise ReadOnlyError

    async def delete(self, entity_id: str) -> int | None:  # noqa: ARG002 - the port
        """Refuse."""
        raise ReadOnlyError

    async def purge(self, *, before: int, limit: int) -> int:
        """Remove what is long past its time: nobody sees it any more."""
        return await self._store.purge(before=before, limit=limit)


class ReadOnlyStores:
    """``Stores`` whose entities cannot be written."""

    def __init__(self, stores: Stores) -> None:
        self.consumers = ReadOnlyStore(stores.consumers)
        self.credentials = ReadOnlyStore(stores.credentials)
        self.acls = ReadOnlyStore(stores.acls)
        self.services = ReadOnlyStore(stores.services)
        self.routes = ReadOnlyStore(stores.routes)
        self.plugins = ReadOnlyStore(stores.plugins)
        self.tokens = ReadOnlyStore(stores.tokens)
        self.audit = stores.audit
        self.directory = stores.directory
        self.digests = stores.digests
        self.changes = stores.changes
        self.board = stores.board
        self.keyring = stores.keyring
        self.rotation = stores.rotation


class Configuration(Protocol):
    """What is declared, where there is no database."""

    def digest(self) -> str:
        """Return what tells it from others."""

    def endpoint(self) -> Endpoint:
        """Return the endpoint ``/config``."""


def completed(
    endpoints: Iterable[Endpoint],
    keyring: Iterable[Endpoint],
    configuration: Configuration | None,
) -> list[Endpoint]:
    """Return endpoints as they are with a database (no ``configuration``), or without."""
    if configuration is None:
        return [*endpoints, *keyring, without_configuration()]
    return [*refusing(endpoints), *without_keyring(keyring), configuration.endpoint()]


def refusing(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return endpoints on read-only stores, whose writes end as Kong's do without a database."""
    return [
        replace(
            endpoint,
            handlers={
                method: _refusing(endpoint, method, handler) if method in WRITES else handler
                for method, handler in endpoint.handlers.items()
            },
        )
        for endpoint in endpoints
    ]


def without_keyring(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return the keyring's endpoints, as they answer where there is none to be kept."""

    async def refuse(_call: Call) -> Reply:
        raise plain(400, _NO_KEYRING)

    return [
        replace(endpoint, handlers=dict.fromkeys(endpoint.handlers, refuse))
        for endpoint in endpoints
    ]


def without_configuration() -> Endpoint:
    """Return ``/config`` as it answers where there is a database: in Kong's words."""

    async def refuse(_call: Call) -> Reply:
        raise plain(400, _NOT_HERE)

    summary = "Refuse: there is a database."
    operations = {method: Operation(summary=summary, status=400) for method in ("GET", "POST")}
    return Endpoint(
        "/config", {"GET": refuse, "POST": refuse}, ADMINS_ONLY, operations, texts=TEXTS
    )


def _refusing(endpoint: Endpoint, method: str, handler: Handler) -> Handler:
    schema = _schema_of(endpoint.operations, method)
    last = endpoint.template.rpartition("/")[2].strip("{}")
    # Below an owner, Kong has looked a name up before it changes or removes what it means.
    is_looked_up = endpoint.template.count("/") > len(("", "things")) and method != "PUT"
    key = None if is_looked_up or schema is None else schema.endpoint_key

    async def answer(call: Call) -> Reply:
        try:
            return await handler(call)
        except ReadOnlyError:
            segment = call.segments.get(last)
            named = key if segment is not None and not is_uuid(segment) else None
            raise _unsupported(method, schema, named) from None

    return answer


def _unsupported(method: str, schema: Schema | None, key: str | None) -> ProblemError:
    return operation_unsupported(_ACTIONS[method], schema.name if schema else "", by=key)


def _schema_of(operations: Mapping[str, Operation], method: str) -> Schema | None:
    for operation in (operations.get(method), operations.get("GET")):
        for told in (operation.gives, operation.takes) if operation else ():
            if isinstance(told, Shown | Sent):
                return told.schema
            if isinstance(told, Listed) and isinstance(told.of, Schema):
                return told.of
    return None
