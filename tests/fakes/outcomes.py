"""What became of a request that was sent to several sides."""

import asyncio
import json
from collections.abc import Iterable

from tests.clients.raw_http import Response
from tests.fakes.sides import SIDES, Sides
from tests.fakes.stack import Key
from tests.fakes.upstream import Sighting

IDENTITY = (
    "x-consumer-id",
    "x-consumer-username",
    "x-consumer-custom-id",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-credential-username",
    "x-anonymous-consumer",
    "x-authenticated-groups",
)

Answer = tuple[Response, Sighting | None]


async def ask_all(
    sides: Sides,
    lines: Iterable[str | bytes],
    key: Key,
    *,
    body: bytes = b"",
    of: Iterable[str] = SIDES,
) -> dict[str, Answer]:
    """Send a request to each side, with the key in the place of KEY."""
    filled, asked = [_filled(line, key.text) for line in lines], list(of)
    sent = body.replace(b"KEY", key.text.encode())
    answers = await asyncio.gather(*(sides.ask(side, *filled, body=sent) for side in asked))
    return dict(zip(asked, answers, strict=True))


def outcome(answer: Answer, key: Key) -> str:
    """Return the target that the upstream saw, the message of a denial, or a bare status."""
    response, sighting = answer
    if sighting is not None:
        return sighting.target.replace(key.text, "KEY")
    try:
        return str(json.loads(response.body)["message"])
    except ValueError:
        return str(response.status)


def identity(sighting: Sighting) -> list[tuple[str, str]]:
    """Return all that the upstream could take for an identity, however it is spelled."""
    return sorted(
        (name, value)
        for name, value in sighting.headers
        if name.replace("_", "-").replace(".", "-") in IDENTITY
    )


def identity_of(key: Key) -> list[tuple[str, str]]:
    """Return the identity headers of who has this key."""
    return [
        ("x-consumer-id", key.consumer_id),
        ("x-consumer-username", key.username),
        ("x-credential-identifier", key.id),
    ]


def _filled(line: str | bytes, key: str) -> str | bytes:
    if isinstance(line, str):
        return line.replace("KEY", key)
    return line.replace(b"KEY", key.encode())
