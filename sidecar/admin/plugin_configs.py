"""The configurations that plugins take: Kong's fields, defaults and words, and ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.config_checks import MAX_METADATA
from analytics.config_fields import CONFIG_FIELDS, ConfigField
from analytics.config_kinds import FieldKind
from authsvc.edge_cache_option import DEFAULT_TTL, LONGEST_TTL
from authsvc.policy import ACL, KEY_AUTH, KEY_AUTH_NAMES, KEY_FORMATS
from sidecar.admin import text_checks
from sidecar.admin.containers import Document, Field, ListOf, Record
from sidecar.admin.entity_checks import AtLeastOneOf, ExactlyOneOf
from sidecar.admin.kinds import Boolean, Integer, InvalidValueError, Kind, Number, Text
from sidecar.admin.schema import Variant

MOESIF = "moesif"
SECRET_FIELDS = frozenset({"application_id"})
"""The fields of configurations that are for nobody but admins."""
_GROUPS = ListOf(elements=Text())


def _switch(doc: str, *, default: bool) -> Field:
    return Field(kind=Boolean(), required=True, default=default, doc=doc)


_EDGE_CACHE = Record(
    {
        "enabled": _switch("Whether Envoy may.", default=True),
        "ttl": Field(
            kind=Integer(between=(0, LONGEST_TTL)),
            required=True,
            default=DEFAULT_TTL,
            doc="For how many seconds; a revoked key is let through for as long. 0: not at all.",
        ),
    }
)
_KEY_AUTH_FIELDS = {
    "key_names": Field(
        kind=ListOf(elements=Text(checks=(text_checks.header_name,))),
        required=True,
        default=["apikey"],
        doc="Where the key is looked for: names of headers, arguments, form fields, in order.",
    ),
    "key_in_header": _switch("Whether headers are looked at.", default=True),
    "key_in_query": _switch("Whether the query is looked at.", default=True),
    "key_in_body": _switch("Whether the body is looked at.", default=False),
    "hide_credentials": _switch("Whether the upstream does not see the key.", default=False),
    "anonymous": Field(
        kind=Text(), doc="The consumer, by id or username, for requests without a valid key."
    ),
    "run_on_preflight": _switch("Whether OPTIONS requests need a key.", default=True),
    "realm": Field(
        kind=Text(checks=(text_checks.no_control_characters,)),
        doc="The realm in WWW-Authenticate.",
    ),
    "key_in_cookie": _switch("Whether cookies are looked at, after the body.", default=False),
    "key_in_bearer": _switch(
        "Whether a bearer token in Authorization is a key, where no name has a value.",
        default=False,
    ),
    "key_format": Field(
        kind=Text(one_of=KEY_FORMATS),
        doc="`prefixed`: keys are generated with a prefix and a checksum, and wrong ones refused.",
    ),
    "edge_cache": Field(
        kind=_EDGE_CACHE,
        doc="Whether Envoy may let a key through again without asking; null: it always asks.",
    ),
}

_ACL_FIELDS = {
    "allow": Field(kind=_GROUPS, doc="The groups that may call; all others may not."),
    "deny": Field(kind=_GROUPS, doc="The groups that may not call; all others may."),
    "hide_groups_header": _switch(
        "Whether the upstream does not see the consumer's groups.", default=False
    ),
    "always_use_authenticated_groups": _switch(
        "Kept for Kong: no other plugin sets authenticated groups.", default=False
    ),
}
_ACL_RULE = ("config.allow", "config.deny")


@dataclass(frozen=True, slots=True)
class Checked:
    """A kind of value that ``accept`` leaves to a check of another package."""

    base: Kind
    check: Callable[[Any], object]  # returns what is wrong, or None
    between: tuple[int, int] | None = None  # what the check says of a number, for who reads schemas

    def accept(self, value: object) -> Any:
        """Return the value."""
        why = self.check(value)
        if why is not None:
            raise InvalidValueError(why)  # type: ignore[arg-type]  # a text or a list of texts
        return self.base.accept(value)

    def infer(self, value: object) -> object:
        """Return what the form's text means for the base kind."""
        return self.base.infer(value)


_ANY_TEXT = Text(min_length=0)
_BASES: Mapping[str, Callable[[FieldKind], Kind]] = {
    "string": lambda kind: Text(one_of=kind.one_of) if kind.one_of else _ANY_TEXT,
    "number": lambda _kind: Number(),
    "boolean": lambda _kind: Boolean(),
    "array": lambda kind: ListOf(elements=_record(kind) if kind.members else _ANY_TEXT),
    "map": lambda _kind: Document(max_length=MAX_METADATA),
}


def _record(kind: FieldKind) -> Record:
    members = {name: Field(kind=Text(), doc="A regular expression.") for name in kind.members}
    return Record(members)


def _moesif_field(known: ConfigField) -> Field:
    return Field(
        kind=Checked(_BASES[known.kind.type](known.kind), known.kind.check, known.kind.between),
        required=known.required,
        default=known.default,
        doc=known.doc,
    )


def _variant(fields: Mapping[str, Field], *checks: AtLeastOneOf | ExactlyOneOf) -> Variant:
    config = Field(kind=Record(fields), required=True, doc="The plugin's configuration.")
    return Variant({"config": config}, checks)


VARIANTS: Mapping[str, Variant] = {
    **dict.fromkeys(sorted(KEY_AUTH_NAMES), _variant(_KEY_AUTH_FIELDS)),
    # In this order, and both where neither is filled: as Kong says it.
    ACL: _variant(_ACL_FIELDS, ExactlyOneOf(_ACL_RULE), AtLeastOneOf(_ACL_RULE)),
    MOESIF: _variant({name: _moesif_field(known) for name, known in CONFIG_FIELDS.items()}),
}
PRIORITIES = {KEY_AUTH: 1250, "key-auth": 1250, ACL: 950, MOESIF: 5}
"""The order in which Kong runs them, highest first; for information."""
