"""Consumers: those who call."""

from sidecar.admin.containers import Field
from sidecar.admin.entity_checks import AtLeastOneOf
from sidecar.admin.schema import CREATED_AT, ID, TAGS, UPDATED_AT, Schema, indexed_text
from sidecar.admin.text_checks import no_control_characters

# Both become headers of a request, where a control character would end the header or worse.
USERNAME = indexed_text(no_control_characters)
CUSTOM_ID = indexed_text(no_control_characters)

SCHEMA = Schema(
    name="consumers",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "updated_at": UPDATED_AT,
        "username": Field(kind=USERNAME, doc="A name, unique. It may stand for the id in a path."),
        "custom_id": Field(kind=CUSTOM_ID, doc="The consumer's id in another system, unique."),
        "tags": TAGS,
    },
    endpoint_key="username",
    filters=("custom_id",),
    checks=(AtLeastOneOf(("custom_id", "username")),),
)
