"""What every contender answers an allowed call: the same headers, removals and metadata."""

from bench.traffic import Caller

IDENTITY = (
    "x-consumer-id",
    "x-consumer-username",
    "x-consumer-custom-id",
    "x-credential-identifier",
)
BODY = '{"message":"Unauthorized"}'


def allow_headers(caller: Caller) -> dict[str, str]:
    """Return the headers that tell the upstream who calls."""
    values = (caller.consumer_id, caller.username, caller.custom_id, caller.credential_id)
    return dict(zip(IDENTITY, values, strict=True))


def allow_metadata(
    caller: Caller, *, authority: str, route: str, service: str
) -> dict[str, str | bool]:
    """Return what the access log is to say about the call."""
    return {
        "consumer_id": caller.consumer_id,
        "username": caller.username,
        "custom_id": caller.custom_id,
        "credential_id": caller.credential_id,
        "anonymous": False,
        "result": "allow",
        "reason": "key",
        "authority": authority,
        "route": route,
        "service": service,
    }
