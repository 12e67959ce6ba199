"""Consumers as users of Moesif, through the whole product."""

import secrets

from tests.deadline import eventually
from tests.fakes.collector import Collector
from tests.fakes.stack import Stack


async def test_a_consumer_is_told_within_two_seconds_after_it_was_made(stack: Stack) -> None:
    known = await stack.new_key()
    async with Collector() as collector:
        config = {
            "application_id": secrets.token_hex(8),
            "api_endpoint": collector.url,
            "sync_consumers": True,
            "company_id_from": "tags:company:",
        }
        plugin = {"name": "moesif", "config": config}
        created = await stack.admin.send("POST", "/routes/changing/plugins", plugin)
        await eventually(
            lambda: known.username in [each.get("user_id") for each in collector.events],
            "the consumers that are there",
        )

        username, company = f"user-{secrets.token_hex(4)}", secrets.token_hex(4)
        fields = {"username": username, "tags": [f"company:{company}"]}
        await stack.admin.send("POST", "/consumers", fields)

        def users() -> list[str]:
            return [
                each["company_id"] for each in collector.events if each.get("user_id") == username
            ]

        await eventually(users, "the new user", within=2)
        assert users() == [company]
        assert {"company_id": company} in collector.events
        guests = [each for each in collector.events if each.get("user_id") == "guest"]
        assert guests == []
        await stack.admin.send("DELETE", f"/plugins/{created['id']}?wait=applied")
