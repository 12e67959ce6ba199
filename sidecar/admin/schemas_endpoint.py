"""``/schemas``: what entities look like, and whether one is valid, without storing it."""

from collections.abc import Mapping

from sidecar.admin.arguments import printable
from sidecar.admin.call import Call, Reply
from sidecar.admin.documents import Clock
from sidecar.admin.expiry import parse_ttl
from sidecar.admin.form import nest
from sidecar.admin.kong_schema import print_plugin, print_schema
from sidecar.admin.operation import JsonSchema, Operation
from sidecar.admin.payload import Payload
from sidecar.admin.problems import ProblemError, plain
from sidecar.admin.roles import READABLE
from sidecar.admin.routing import Endpoint
from sidecar.admin.schema import Schema

_VALID = {"message": "schema validation successful"}
_PRINTED: JsonSchema = {
    "type": "object",
    "required": ["fields", "entity_checks"],
    "properties": {"fields": {"type": "array"}, "entity_checks": {"type": "array"}},
}
_MESSAGE: JsonSchema = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}},
}


class Schemas:
    """Answers by the schemas that requests are validated with; ``aliases`` are further names."""

    def __init__(
        self, schemas: Mapping[str, Schema], *, aliases: Mapping[str, str], clock: Clock
    ) -> None:
        self._schemas = {
            **schemas,
            **{alias: schemas[name] for alias, name in aliases.items()},
        }
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Return everything below ``/schemas``."""
        shown = Operation(summary="Show a schema in Kong's form.", gives=_PRINTED)
        judged = Operation(
            summary="Tell whether an entity would be valid.",
            gives=_MESSAGE,
            takes={"type": "object"},
        )
        entity, plugin = "/schemas/{entities}", "/schemas/plugins/{plugin_names}"
        validated = [
            # Spelt out for plugins: "validate" would be the name of one.
            Endpoint(f"{path}/validate", {"POST": self._validate}, READABLE, {"POST": judged})
            for path in (entity, "/schemas/plugins")
        ]
        return [
            Endpoint(entity, {"GET": self._entity}, READABLE, {"GET": shown}),
            Endpoint(plugin, {"GET": self._plugin}, READABLE, {"GET": shown}),
            *validated,
        ]

    async def _entity(self, call: Call) -> Reply:
        return Reply(body=print_schema(self._schema(call)))

    async def _plugin(self, call: Call) -> Reply:
        name = call.segments["plugin_names"]
        try:
            schema = self._schemas["plugins"].specialise({"name": name})
        except ProblemError:
            raise plain(404, f"No plugin named '{printable(name)}'") from None
        return Reply(body=print_plugin(schema))

    async def _validate(self, call: Call) -> Reply:
        schema = self._schema(call)
        payload = _merged(call)
        if schema.ttl:
            parse_ttl(payload)
        values = {
            name: value
            for name, value in payload.values.items()
            if not (schema.ttl and name == "ttl")
        }
        specialised = schema.specialise(values)
        meant = specialised.infer(values) if payload.is_form else values
        specialised.read_new(meant, now=int(self._clock()))
        return Reply(body=_VALID)

    def _schema(self, call: Call) -> Schema:
        name = call.segments.get("entities", "plugins")
        if name not in self._schemas:
            raise plain(404, f"No entity named '{printable(name)}'")
        return self._schemas[name]


def _merged(call: Call) -> Payload:
    """Return the body; without one, what the query spells, which Kong reads here as well."""
    if call.payload.values or not call.arguments.pairs:
        return call.payload
    return Payload(nest(call.arguments.pairs), is_form=True)
