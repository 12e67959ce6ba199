"""Plugins: a configuration for a route, a service, both, or (neither) everything."""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.entities import Plugin
from authsvc.policy import KEY_AUTH_NAMES
from authsvc.store import EntityStore
from sidecar.admin.codec import PlainCodec
from sidecar.admin.containers import Field, ListOf, Record, Reference
from sidecar.admin.kinds import Boolean, Fixed, Text
from sidecar.admin.plugin_configs import VARIANTS
from sidecar.admin.problems import unique_violation
from sidecar.admin.schema import CREATED_AT, ID, TAGS, UPDATED_AT, Schema, Variants
from sidecar.admin.services import NAME, PROTOCOLS

SCHEMA = Schema(
    name="plugins",
    fields={
        "id": ID,
        "name": Field(kind=Text(), required=True, doc="Which plugin."),
        "instance_name": Field(kind=NAME, doc="A name of this configuration, unique."),
        "created_at": CREATED_AT,
        "updated_at": UPDATED_AT,
        "route": Field(
            kind=Reference(entity="routes", names={"name": NAME}),
            doc="The route that it is for; null: any.",
        ),
        "service": Field(
            kind=Reference(entity="services", names={"name": NAME}),
            doc="The service that it is for; null: any.",
        ),
        "consumer": Field(kind=Fixed(None), doc="These plugins are for no single consumer."),
        "config": Field(kind=Record({}), required=True, doc="The plugin's configuration."),
        "protocols": Field(
            kind=ListOf(elements=Text(one_of=PROTOCOLS), distinct=True, min_length=1),
            required=True,
            default=list(PROTOCOLS),
            doc="The protocols of the requests that it is for.",
        ),
        "enabled": Field(
            kind=Boolean(), required=True, default=True, doc="Whether it does anything."
        ),
        "tags": TAGS,
    },
    endpoint_key="instance_name",
    variants=Variants(
        key="name",
        unknown="plugin '{}' not enabled; add it to the 'plugins' configuration property",
        by_value=VARIANTS,
    ),
)


class PluginCodec(PlainCodec[Plugin]):
    """Plugins in their two forms."""

    def __init__(self) -> None:
        super().__init__(SCHEMA, Plugin)

    def collision(self, columns: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that collided: of a scope all of it, as Kong does."""
        collided = super().collision(columns, document)
        return {**collided, "consumer": None} if "name" in collided else collided


class OneKeyAuthPerScope:
    """Refuses a second key authentication where one is: its two names mean one plugin."""

    def __init__(self, store: EntityStore[Plugin], codec: PluginCodec) -> None:
        self._store = store
        self._codec = codec

    async def __call__(self, plugin: Plugin) -> None:
        """Have a look at a plugin that is about to be written.

        Raises:
            ProblemError: The same scope has it under the other name.
        """
        for name in KEY_AUTH_NAMES - {plugin.name} if plugin.name in KEY_AUTH_NAMES else ():
            columns = {"name": name, "route_id": plugin.route_id, "service_id": plugin.service_id}
            twin = await self._store.find(**columns)
            if twin is not None and twin.id != plugin.id:
                shown = self._codec.show(twin, now=0)
                raise unique_violation(self._codec.collision(tuple(columns), shown))
