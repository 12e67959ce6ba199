"""The paths of entities: lists, single ones, and those below an owner.

Each function makes the endpoints of one shape; what they do is the resource's business.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sidecar.admin import problems
from sidecar.admin.arguments import is_utf8
from sidecar.admin.call import Call, Handler, Reply
from sidecar.admin.operation import Listed, Operation, Sent, Shown
from sidecar.admin.owner import Owner
from sidecar.admin.resource import Resource
from sidecar.admin.roles import CONFIGURATION, Access
from sidecar.admin.routing import Endpoint
from sidecar.admin.row_writer import Written
from sidecar.admin.schema import Schema

AnyResource = Resource[Any]
FindOwner = Callable[[Call], Awaitable[Owner | None]]
"""Returns the owner that a path goes through, None where the path has none."""


def top_level(
    path: str, resource: AnyResource, *, access: Access = CONFIGURATION
) -> list[Endpoint]:
    """Return the endpoints ``/things`` and ``/things/{things}``."""
    return _list_and_item(f"/{path}", resource, no_owner, access)


def nested(
    owner_path: str,
    owners: AnyResource,
    path: str,
    resource: AnyResource,
    *,
    field: str,
    access: Access = CONFIGURATION,
) -> list[Endpoint]:
    """Return the endpoints of things below their owner, to which their ``field`` refers.

    Raises (when called): ``Not found`` where there is no such owner.
    """
    prefix = f"/{owner_path}/{{{owners.schema.name}}}/{path}"
    return _list_and_item(prefix, resource, owner_finder(owners, field=field), access)


def owner_finder(owners: AnyResource, *, field: str) -> FindOwner:
    """Return what finds the owner that a nested path goes through."""
    name = owners.schema.name

    async def find_owner(call: Call) -> Owner:
        owner = await owners.locate(call.segments[name])
        if owner is None:
            raise problems.not_found()
        return Owner(field, owner.id)

    return find_owner


async def no_owner(_call: Call) -> None:
    """Return that a path goes through no owner."""


def _list_and_item(
    path: str, resource: AnyResource, find_owner: FindOwner, access: Access
) -> list[Endpoint]:
    name = resource.schema.name
    lists, items = _list_handlers(resource, find_owner), _item_handlers(resource, find_owner)
    filters = ("tags", *resource.schema.filters) if find_owner is no_owner else ()
    return [
        Endpoint(path, lists, access, _list_operations(resource.schema, filters)),
        Endpoint(f"{path}/{{{name}}}", items, access, item_operations(resource.schema)),
    ]


def _list_operations(schema: Schema, filters: tuple[str, ...]) -> Mapping[str, Operation]:
    name = schema.name
    return {
        "GET": Operation(
            summary=f"List {name}.", gives=Listed(schema), arguments=("size", "offset", *filters)
        ),
        "POST": Operation(
            summary=f"Create one of {name}.",
            status=201,
            gives=Shown(schema),
            takes=Sent(schema=schema),
            arguments=("wait",),
        ),
    }


def item_operations(schema: Schema) -> Mapping[str, Operation]:
    """Return what the methods of a single entity take and give."""
    shown, wait = Shown(schema), ("wait",)
    return {
        "GET": Operation(summary=f"Show one of {schema.name}.", gives=shown),
        "PUT": Operation(
            summary=f"Create or replace one of {schema.name}.",
            gives=shown,
            takes=Sent(schema=schema),
            arguments=wait,
        ),
        "PATCH": Operation(
            summary=f"Change one of {schema.name}.",
            gives=shown,
            takes=Sent(schema=schema, partial=True),
            arguments=wait,
        ),
        "DELETE": Operation(summary=f"Delete one of {schema.name}.", status=204, arguments=wait),
    }


def _list_handlers(resource: AnyResource, find_owner: FindOwner) -> Mapping[str, Handler]:
    async def read(call: Call) -> Reply:
        owner = await find_owner(call)
        for name in resource.schema.filters if owner is None else ():
            if call.arguments.has(name):
                return await _filtered(resource, name, call.arguments.first(name))
        return Reply(body=await resource.page(call, owner))

    async def create(call: Call) -> Reply:
        owner = await find_owner(call)
        return written_reply(resource, await resource.insert(call.payload, owner), status=201)

    return {"GET": read, "POST": create}


def _item_handlers(resource: AnyResource, find_owner: FindOwner) -> Mapping[str, Handler]:
    name = resource.schema.name

    async def read(call: Call) -> Reply:
        entity = await resource.locate(call.segments[name], await find_owner(call))
        if entity is None:
            raise problems.not_found()
        return Reply(body=resource.show(entity))

    async def put(call: Call) -> Reply:
        owner = await find_owner(call)
        return written_reply(
            resource, await resource.upsert(call.segments[name], call.payload, owner)
        )

    async def patch(call: Call) -> Reply:
        owner = await find_owner(call)
        return written_reply(
            resource, await resource.update(call.segments[name], call.payload, owner)
        )

    async def delete(call: Call) -> Reply:
        seq = await resource.delete(call.segments[name], await find_owner(call))
        return Reply(status=204, wrote=True, seq=seq)

    return {"GET": read, "PUT": put, "PATCH": patch, "DELETE": delete}


async def _filtered(resource: AnyResource, name: str, value: str | None) -> Reply:
    if not value or not is_utf8(value):
        raise problems.plain(400, f"{name} must be an unempty string")
    entity = await resource.find(**{name: value})
    data = [] if entity is None else [resource.show_listed(entity)]
    return Reply(body={"data": data, "next": None})


def written_reply(resource: AnyResource, written: Written[Any], *, status: int = 200) -> Reply:
    """Return the answer to a write: the entity as it is now."""
    body = resource.show(written.entity)
    return Reply(status=status, body=body, wrote=True, seq=written.seq)
