"""Everything that the Admin API serves: which entities there are, and under which paths."""

from authsvc.entities import Acl, Consumer, Route, Service
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.admin import acls, consumers, key_auth_enc, plugins, routes, services
from sidecar.admin.codec import PlainCodec
from sidecar.admin.documents import Clock
from sidecar.admin.endpoints import AnyResource, nested, top_level
from sidecar.admin.owner_endpoint import owner_of
from sidecar.admin.resource import Resource
from sidecar.admin.routing import Endpoint
from sidecar.admin.tagged import TaggedEntities

# Enterprise's own path, those that its documentation printed over the years, and plain key-auth's.
_KEY_LISTS = ("key-auths-enc", "key-auth-enc", "key-auth-encs", "key-auths")
_NESTED_KEY_LISTS = ("key-auth-enc", "key-auth")


def make_resources(stores: Stores, sealer: Sealer, *, clock: Clock) -> dict[str, AnyResource]:
    """Return the resources by the names of their entities."""
    made: dict[str, AnyResource] = {}
    plugin_codec = plugins.PluginCodec()
    made["consumers"] = Resource(
        consumers.SCHEMA,
        store=stores.consumers,
        codec=PlainCodec(consumers.SCHEMA, Consumer),
        others=made,
        clock=clock,
    )
    made["keyauth_enc_credentials"] = Resource(
        key_auth_enc.SCHEMA,
        store=stores.credentials,
        codec=key_auth_enc.CredentialCodec(sealer),
        others=made,
        clock=clock,
    )
    made["acls"] = Resource(
        acls.SCHEMA,
        store=stores.acls,
        codec=PlainCodec(acls.SCHEMA, Acl),
        others=made,
        clock=clock,
    )
    made["services"] = Resource(
        services.SCHEMA,
        store=stores.services,
        codec=PlainCodec(services.SCHEMA, Service),
        others=made,
        clock=clock,
    )
    made["routes"] = Resource(
        routes.SCHEMA,
        store=stores.routes,
        codec=PlainCodec(routes.SCHEMA, Route),
        others=made,
        clock=clock,
    )
    made["plugins"] = Resource(
        plugins.SCHEMA,
        store=stores.plugins,
        codec=plugin_codec,
        others=made,
        clock=clock,
        vet=plugins.OneKeyAuthPerScope(stores.plugins, plugin_codec),
    )
    return made


def entity_endpoints(resources: dict[str, AnyResource]) -> list[Endpoint]:
    """Return every endpoint of every entity."""
    consumer, acl = resources["consumers"], resources["acls"]
    credential = resources["keyauth_enc_credentials"]
    service, route, plugin = resources["services"], resources["routes"], resources["plugins"]
    endpoints = [
        *top_level("consumers", consumer),
        *nested("consumers", consumer, "acls", acl, field="consumer"),
        *top_level("acls", acl),
        owner_of("acls", acl, consumer, field="consumer"),
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
        endpoints += nested("consumers", consumer, path, credential, field="consumer")
    for path in _KEY_LISTS:
        endpoints += top_level(path, credential)
        endpoints.append(owner_of(path, credential, consumer, field="consumer"))
    return endpoints


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
