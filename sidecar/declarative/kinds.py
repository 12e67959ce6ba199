"""The kinds of entity that a file may hold, what they are called there, and what is below them.

Schemas and codecs are those of the Admin API: what it refuses, a file cannot hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from authsvc import kinds as stored
from authsvc.entities import Acl, Consumer, Entity, Route, Service
from sidecar.admin import acls, consumers, key_auth_enc, plugins, routes, services
from sidecar.admin.codec import Codec, PlainCodec
from sidecar.admin.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKind:
    """One kind.

    Attributes:
        name: Of its lists in a file, in errors, and in answers.
        aliases: Other names of its lists.
        singular: What one of it is called in flattened errors.
        schema: What is valid.
        stored: What is unique.
        codec: Makes the stored form; None: credentials, which are sealed later.
        children: The field by which a kind that may be nested refers to this one, by kind.
    """

    name: str
    singular: str
    schema: Schema
    stored: "stored.Kind[Entity]"
    codec: "Codec[Entity] | None" = None
    aliases: tuple[str, ...] = ()
    children: Mapping[str, str] = field(default_factory=dict)

    @property
    def entity(self) -> str:
        """The name by which references lead to it."""
        return self.schema.name


# mypy cannot see that each codec and stored kind belongs to the entity of its own row.
KINDS: tuple[DeclaredKind, ...] = (
    DeclaredKind(
        name="services",
        singular="service",
        schema=services.SCHEMA,
        stored=stored.SERVICES,  # type: ignore[arg-type]  # see above
        codec=PlainCodec(services.SCHEMA, Service),
        children={"routes": "service", "plugins": "service"},
    ),
    DeclaredKind(
        name="routes",
        singular="route",
        schema=routes.SCHEMA,
        stored=stored.ROUTES,  # type: ignore[arg-type]  # see above
        codec=PlainCodec(routes.SCHEMA, Route),
        children={"plugins": "route"},
    ),
    DeclaredKind(
        name="consumers",
        singular="consumer",
        schema=consumers.SCHEMA,
        stored=stored.CONSUMERS,  # type: ignore[arg-type]  # see above
        codec=PlainCodec(consumers.SCHEMA, Consumer),
        children={
            "keyauth_credentials": "consumer",
            "acls": "consumer",
            "plugins": "consumer",
        },
    ),
    DeclaredKind(
        name="keyauth_credentials",
        aliases=("keyauth_enc_credentials",),
        singular="keyauth_credential",
        schema=key_auth_enc.SCHEMA,
        stored=stored.CREDENTIALS,  # type: ignore[arg-type]  # see above
    ),
    DeclaredKind(
        name="acls",
        singular="acl",
        schema=acls.SCHEMA,
        stored=stored.ACLS,  # type: ignore[arg-type]  # see above
        codec=PlainCodec(acls.SCHEMA, Acl),
    ),
    DeclaredKind(
        name="plugins",
        singular="plugin",
        schema=plugins.SCHEMA,
        stored=stored.PLUGINS,  # type: ignore[arg-type]  # see above
        codec=plugins.PluginCodec(),  # type: ignore[arg-type]  # see above
    ),
)
BY_NAME: Mapping[str, DeclaredKind] = {
    name: kind for kind in KINDS for name in (kind.name, *kind.aliases)
}
BY_ENTITY: Mapping[str, DeclaredKind] = {kind.entity: kind for kind in KINDS}
