"""Everything that the Admin API serves: which entities there are, and under which paths."""

from authsvc.entities import Acl, Consumer, Route, Service
from authsvc.sealing import Sealer
from authsvc.store import EntityStore, Stores
from sidecar.admin import acls, consumers, key_auth_enc, plugins, routes, services
from sidecar.admin.codec import Codec, E, PlainCodec
from sidecar.admin.documents import Clock
from sidecar.admin.endpoints import AnyResource, nested, no_owner, owner_finder, top_level
from sidecar.admin.key_format import KeyGenerator
from sidecar.admin.owner_endpoint import owner_of
from sidecar.admin.resource import Filling, Resource
from sidecar.admin.roles import OPERATED
from sidecar.admin.rotation import rotate_at
from sidecar.admin.routing import Endpoint
from sidecar.admin.row_writer import ReloadRing, RowWriter, Vetting
from sidecar.admin.schema import Schema
from sidecar.admin.schemas_endpoint import Schemas
from sidecar.admin.tagged import TaggedEntities

# Enterprise's own path, those that its documentation printed over the years, and plain key-auth's.
_KEY_LISTS = ("key-auths-enc", "key-auth-enc", "key-auth-encs", "key-auths")
_NESTED_KEY_LISTS = ("key-auth-enc", "key-auth")


def make_resources(
    stores: Stores,
    sealer: Sealer,
    *,
    clock: Clock,
    key_format: str | None = None,
    reload_ring: ReloadRing | None = None,
) -> dict[str, AnyResource]:
    """Return the resources by the names of their entities."""
    made: dict[str, AnyResource] = {}

    def add(
        schema: Schema,
        store: EntityStore[E],
        codec: Codec[E],
        *,
        vet: Vetting[E] | None = None,
        fill: Filling | None = None,
    ) -> None:
        rows = RowWriter(schema, store=store, codec=codec, vet=vet, reload_ring=reload_ring)
        made[schema.name] = Resource(
            schema, store=store, codec=codec, rows=rows, others=made, clock=clock, fill=fill
        )

    plugin_codec = plugins.PluginCodec()
    one_per_scope = plugins.OneKeyAuthPerScope(stores.plugins, plugin_codec)
    add(consumers.SCHEMA, stores.consumers, PlainCodec(consumers.SCHEMA, Consumer))
    keys = KeyGenerator(stores.plugins, default=key_format)
    codec = key_auth_enc.CredentialCodec(sealer)
    one_per_key = key_auth_enc.OneCredentialPerKey(stores.credentials, sealer)
    add(key_auth_enc.SCHEMA, stores.credentials, codec, vet=one_per_key, fill=keys.fill)
    add(acls.SCHEMA, stores.acls, PlainCodec(acls.SCHEMA, Acl))
    add(services.SCHEMA, stores.services, PlainCodec(services.SCHEMA, Service))
    add(routes.SCHEMA, stores.routes, PlainCodec(routes.SCHEMA, Route))
    add(plugins.SCHEMA, stores.plugins, plugin_codec, vet=one_per_scope)
    return made


def entity_endpoints(resources: dict[str, AnyResource], *, clock: Clock) -> list[Endpoint]:
    """Return every endpoint of every entity."""
    consumer, acl = resources["consumers"], resources["acls"]
    credential = resources["keyauth_enc_credentials"]
    service, route, plugin = resources["services"], resources["routes"], resources["plugins"]
    endpoints = [
        *top_level("consumers", consumer, access=OPERATED),
        *nested("consumers", consumer, "acls", acl, field="consumer", access=OPERATED),
        *top_level("acls", acl, access=OPERATED),
        owner_of("acls", acl, consumer, field="consumer", access=OPERATED),
        *top_level("services", service),
        *nested("services", service, "routes", route, field="service"),
        *nested("services", service, "plugins", plugin, field="service"),
        *top_level("routes", route),
        owner_of("routes", route, service, field="service"),
        *nested("routes", route, "plugins", plugin, field="route"),
        *top_level("plugins", plugin),
        owner_of("plugins", plugin, route, field="route"),
        owner_of("plugins", plugin, service, field="service"),
    ]
    for path in _NESTED_KEY_LISTS:
        endpoints += nested(
            "consumers", consumer, path, credential, field="consumer", access=OPERATED
        )
        below = f"/consumers/{{consumers}}/{path}"
        of_consumer = owner_finder(consumer, field="consumer")
        endpoints.append(rotate_at(below, credential, of_consumer, clock=clock))
    for path in _KEY_LISTS:
        endpoints += top_level(path, credential, access=OPERATED)
        endpoints.append(rotate_at(f"/{path}", credential, no_owner, clock=clock))
        endpoints.append(owner_of(path, credential, consumer, field="consumer", access=OPERATED))
    return endpoints


def schema_endpoints(resources: dict[str, AnyResource], *, clock: Clock) -> list[Endpoint]:
    """Return the endpoints that show and apply the schemas of all entities."""
    schemas = {name: resource.schema for name, resource in resources.items()}
    # Plain key-auth's entity is the same one here.
    aliases = {"keyauth_credentials": "keyauth_enc_credentials"}
    return Schemas(schemas, aliases=aliases, clock=clock).endpoints()


def tag_endpoints(stores: Stores) -> list[Endpoint]:
    """Return the endpoints that show the tags of all entities."""
    tagged = TaggedEntities(
        {
            "consumers": stores.consumers,
            "keyauth_enc_credentials": stores.credentials,
            "acls": stores.acls,
            "services": stores.services,
            "routes": stores.routes,
            "plugins": stores.plugins,
        }
    )
    return tagged.endpoints()
