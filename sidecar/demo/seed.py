"""What the demo needs in the Admin API: one consumer with one key, and where events go.

What is there already stays: a second start finds the same key.
"""

from typing import Any

from sidecar.admin_client import AdminClient
from sidecar.errors import StartupError
from sidecar.secret import Secret

CONSUMER = "demo"
ROUTE = SERVICE = "echo"
_TAG = "demo"
_COMPANY_TAG = "company:"
_APPLIED = "wait=applied"


async def seed(
    admin: AdminClient, *, echo_port: int, collector: str, application_id: Secret
) -> Secret:
    """Make what is missing, and return the demo consumer's key.

    Args:
        admin: The Admin API.
        echo_port: Where the upstream listens on 127.0.0.1.
        collector: The URL that events are sent to.
        application_id: Sent with them.

    Raises:
        AdminApiError: The Admin API is away, or refuses.
        StartupError: The key is not shown again.
    """
    await _send_events_to(admin, collector, application_id)
    await _lead_to_echo(admin, echo_port)
    return await _key_of(admin, await _consumer(admin))


async def _send_events_to(admin: AdminClient, collector: str, application_id: Secret) -> None:
    target = {
        "application_id": application_id.reveal(),
        "api_endpoint": collector,
        "company_id_from": f"tags:{_COMPANY_TAG}",
    }
    existing = [row for row in await admin.rows("/plugins") if _is_global_moesif(row)]
    if existing:
        await admin.send("PATCH", f"/plugins/{existing[0]['id']}", {"config": target})
    else:
        plugin = {"name": "moesif", "config": target, "tags": [_TAG]}
        await admin.send("POST", "/plugins", plugin)


def _is_global_moesif(row: dict[str, Any]) -> bool:
    return row["name"] == "moesif" and row["route"] is None and row["service"] is None


async def _lead_to_echo(admin: AdminClient, port: int) -> None:
    """Name the upstream and its route, so that plugins can be put on them."""
    await admin.send(
        "PUT", f"/services/{SERVICE}", {"host": "127.0.0.1", "port": port, "tags": [_TAG]}
    )
    route = {"service": {"name": SERVICE}, "paths": ["/"], "strip_path": False, "tags": [_TAG]}
    await admin.send("PUT", f"/routes/{ROUTE}", route)


async def _consumer(admin: AdminClient) -> str:
    consumer = await admin.read(f"/consumers/{CONSUMER}")
    if consumer is None:
        fields = {
            "username": CONSUMER,
            "custom_id": "demo-customer",
            "tags": [_TAG, f"{_COMPANY_TAG}demo-company"],
        }
        consumer = await admin.send("POST", "/consumers", fields)
    return str(consumer["id"])


async def _key_of(admin: AdminClient, consumer_id: str) -> Secret:
    keys = f"/consumers/{consumer_id}/key-auth-enc"
    ours = [row for row in await admin.rows(keys) if _TAG in (row["tags"] or ())]
    row = ours[0] if ours else await admin.send("POST", f"{keys}?{_APPLIED}", {"tags": [_TAG]})
    if not row["key"]:
        raise StartupError("the Admin API does not show the demo's key again")
    return Secret(row["key"])
