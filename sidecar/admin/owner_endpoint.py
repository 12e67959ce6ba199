"""The path of the one thing that another refers to, such as ``/acls/{acls}/consumer``."""

from typing import Any

from sidecar.admin import problems
from sidecar.admin.call import Call, Reply
from sidecar.admin.endpoints import AnyResource, item_operations, written_reply
from sidecar.admin.owner import Owner
from sidecar.admin.roles import CONFIGURATION, Access
from sidecar.admin.routing import Endpoint
from sidecar.admin.row_writer import Written


def owner_of(
    path: str,
    resource: AnyResource,
    owners: AnyResource,
    *,
    field: str,
    access: Access = CONFIGURATION,
) -> Endpoint:
    """Return the endpoint of what an entity's ``field`` refers to."""
    handlers = _OwnerHandlers(resource, owners, field)
    return Endpoint(
        f"/{path}/{{{resource.schema.name}}}/{field}",
        {
            "GET": handlers.read,
            "PUT": handlers.put,
            "PATCH": handlers.patch,
            "DELETE": handlers.delete,
        },
        access,
        item_operations(owners.schema),
    )


class _OwnerHandlers:
    def __init__(self, resource: AnyResource, owners: AnyResource, field: str) -> None:
        self._resource = resource
        self._owners = owners
        self._owner = field

    async def read(self, call: Call) -> Reply:
        owner = await self._owners.get(await self._owner_id(call))
        if owner is None:
            raise problems.not_found()
        return Reply(body=self._owners.show(owner))

    async def put(self, call: Call) -> Reply:
        entity = await self._entity(call)
        owner_id = self._referred(entity)
        if owner_id is not None:
            return written_reply(self._owners, await self._owners.upsert(owner_id, call.payload))
        created = await self._owners.insert(call.payload)
        seq = await self._resource.associate(entity.id, Owner(self._owner, created.entity.id))
        return written_reply(self._owners, Written(created.entity, seq or created.seq))

    async def patch(self, call: Call) -> Reply:
        owner_id = await self._owner_id(call)
        return written_reply(self._owners, await self._owners.update(owner_id, call.payload))

    async def delete(self, call: Call) -> Reply:
        await self._owner_id(call)
        # Kong says so too, only here and only now: the owner is deleted under its own path.
        raise problems.method_not_allowed("GET, HEAD, OPTIONS, PATCH, PUT")

    async def _entity(self, call: Call) -> Any:
        entity = await self._resource.locate(call.segments[self._resource.schema.name])
        if entity is None:
            raise problems.not_found()
        return entity

    async def _owner_id(self, call: Call) -> str:
        owner_id = self._referred(await self._entity(call))
        if owner_id is None:
            raise problems.not_found()
        return owner_id

    def _referred(self, entity: Any) -> str | None:
        owner_id: str | None = getattr(entity, f"{self._owner}_id")
        return owner_id
