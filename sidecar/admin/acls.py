"""ACL entries: the groups that consumers are in."""

from sidecar.admin.containers import Field
from sidecar.admin.key_auth_enc import CONSUMER
from sidecar.admin.schema import CREATED_AT, ID, TAGS, Schema, indexed_text
from sidecar.admin.text_checks import no_control_characters

SCHEMA = Schema(
    name="acls",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "consumer": CONSUMER,
        "group": Field(
            kind=indexed_text(no_control_characters),  # becomes a header, as names do
            required=True,
            doc="The group; unique together with the consumer.",
        ),
        "tags": TAGS,
    },
    nested_key="group",
)
