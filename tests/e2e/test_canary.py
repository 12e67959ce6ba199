"""Keys are planted in every way; then everything that was written down is searched for them."""

import asyncio
import base64
import gzip
import json
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from sidecar.admin_client import AdminRefusedError
from sidecar.postgres_binaries import find_binaries
from tests.clients import raw_http2
from tests.clients.raw_http import get, send
from tests.deadline import eventually
from tests.fakes.processes import descendants
from tests.fakes.sides import HARD_HTTP, PLAIN_HTTP, Sides
from tests.fakes.stack import Stack


def forms(key: str) -> Iterator[bytes]:
    """Yield how a key could stand somewhere and still be read."""
    raw = key.encode()
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    for shift in range(3):  # base64 of it, wherever it begins within groups of three
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        yield encoded[2 * shift : len(encoded) // 4 * 4 - 4]


async def plant(port: int, key: str, wrong: str) -> int:
    """Send both keys in every way to an Envoy; return how many requests that were."""
    requests = [
        ("/", [f"apikey: {key}"]),
        ("/", [f"apikey: {wrong}"]),
        ("/", [f"apikey: {key}", f"apikey: {wrong}"]),
        ("/", [f"apikey: {key},{wrong}"]),
        (f"/?apikey={key}", []),
        (f"/?a=1&apikey={wrong}&b=2", []),
        (f"/?apikey={key}&apikey={wrong}", []),
        (f"/?%61pikey={key}", []),
        (f"/?apikey=%{ord(key[0]):02x}{key[1:]}", []),
        (f"/?APIKEY={key}", []),
        (f"/?api_key={key}&access_token={wrong}", []),
        (f"/?apikey={key}%00", []),
        (f"/hiding?apikey={key}", [f"apikey: {key}"]),
        (f"/header-only?apikey={key}", []),
        ("/", [f"authorization: Bearer {key}"]),
        ("/", [f"authorization: Basic {base64.b64encode(f'u:{key}'.encode()).decode()}"]),
        ("/", [f"cookie: apikey={key}"]),
        ("/", [f"x-api-key: {key}", f"apikey: {wrong}"]),
        ("/", [f"referer: http://a.test/?apikey={key}"]),
    ]
    for target, headers in requests:
        await get(port, target, *headers)
    bodies = _bodies(key, wrong)
    for target, header, body in bodies:
        await send(port, target, header, f"apikey: {key}", method="POST", body=body)
        await send(port, target, header, method="POST", body=body)
    # Under a name that is nobody's secret, the upstream would tell it in the body of its answer.
    await raw_http2.ask(port, f"/\xff?apikey={key}", (b"x-access-token", wrong.encode()))
    return len(requests) + 2 * len(bodies) + 1


def _bodies(key: str, wrong: str) -> list[tuple[str, str, bytes]]:
    """Return requests with the keys in their bodies: target, a header, body."""
    form, json_type = "application/x-www-form-urlencoded", "application/json"
    both = f'{{"apikey":"{key}","deep":[{{"API_KEY":["{wrong}"]}}]}}'
    part = f'--x\r\ncontent-disposition: form-data; name="apikey"\r\n\r\n{key}\r\n'
    typed = [
        (form, f"a=1&%61pikey={key}&user[apikey]={wrong}"),
        (json_type, both),
        (json_type, both[:-1]),  # broken
        (json_type, json.dumps({"text": both, "url": f"/?apikey={key}"})),
        ("text/plain", both),
        ("text/xml", f"<a apikey='{key}'><apikey>{wrong}</apikey></a>"),
        ("text/xml", f"<a><apikey>{key}</a>"),
        ("multipart/form-data; boundary=x", f"{part}--x--\r\n"),
        ("multipart/form-data; boundary=x", part),
        ("application/graphql", f'{{ login(apikey: "{key}") }}'),
        ("application/grpc-web", f"\0apikey: {key}"),
    ]
    plain = [
        (target, f"content-type: {type_}", body.encode())
        for target in ("/", "/bodies")
        for type_, body in typed
    ]
    packed = [("/", "content-encoding: gzip", gzip.compress(body.encode())) for _, body in typed]
    return [*plain, *packed, ("/", "x-none: 1", f"apikey={key}".encode())]


async def refuse(stack: Stack, key: str) -> str:
    """Have the Admin API refuse the key, and return what it says."""
    said = []
    for body in ({"key": key}, {"key": [key]}, {"key": key, "ttl": "x"}):
        with pytest.raises(AdminRefusedError) as refusal:
            await stack.admin.send("POST", "/key-auths-enc", body)
        said.append(str(refusal.value))
    return "\n".join(said)


async def dump(stack: Stack) -> bytes:
    binaries = find_binaries()
    assert binaries is not None
    pg_dump = Path(binaries.directory) / "pg_dump"
    process = await asyncio.create_subprocess_exec(
        pg_dump,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **_connection(stack.database.url)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


def _connection(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return {
        "PGHOST": query["host"][0],
        "PGPORT": query["port"][0],
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.strip("/"),
    }


async def test_a_key_is_found_nowhere_whatever_became_of_the_request(
    stack: Stack, sides: Sides
) -> None:
    key, unseen = await stack.new_key(), await stack.new_key()
    chosen = await stack.new_key(key=f"chosen-{secrets.token_hex(16)}")
    wrong = secrets.token_hex(16)
    told = len(stack.collector.events)

    sent = await plant(stack.port, key.text, wrong) + await plant(stack.port, chosen.text, wrong)
    for side in (HARD_HTTP, PLAIN_HTTP):
        sent += await plant(sides.ports[side], key.text, wrong)
    refusals = await refuse(stack, chosen.text)
    dumped = await dump(stack)
    await stack.database.kill()
    try:
        sent += await plant(stack.port, key.text, wrong)
        sent += await plant(stack.port, unseen.text, wrong)
        sent += await plant(sides.ports[PLAIN_HTTP], unseen.text, wrong)
    finally:
        await stack.database.start()
    await eventually(lambda: len(stack.collector.events) >= told + sent, "all events", within=60)

    written = {
        "the database": dumped,
        "the database's log": _read(stack.product.directory / "database/postgres.log"),
        "the Admin API's refusals": refusals.encode(),
        "the product's log": _read(stack.product.log),
        "metrics": (await stack.product.page("/metrics")).encode(),
        "readiness": (await stack.product.page("/readyz?verbose")).encode(),
        "events": b"\n".join(_opened(post.body) for post in stack.collector.posts),
        "requests to the collector": str([post.headers for post in stack.collector.posts]).encode(),
        "Envoy's log": _read(stack.envoy_log),
        "Envoy's statistics": (await stack.envoy.ask("/stats"))[1].encode(),
        "Envoy's clusters": (await stack.envoy.ask("/clusters"))[1].encode(),
    }
    found = {
        place
        for place, content in written.items()
        for planted in (key.text, chosen.text, unseen.text, wrong)
        for form in forms(planted)
        if form in content
    }
    assert found == set()
    assert written["the product's log"]
    assert quote(key.username).encode() in written["events"]  # they are the right ones
    assert key.id.encode() in written["the database"]


async def test_what_opens_everything_is_found_nowhere_either(stack: Stack) -> None:
    password = _connection(stack.database.url)["PGPASSWORD"]
    root_key = (stack.product.directory / "root.key").read_text()
    processes = {stack.product.pid, *descendants(stack.product.pid)}
    assert len(processes) > 3

    written = {
        "command lines": b"".join(_read(Path(f"/proc/{pid}/cmdline")) for pid in processes),
        "environments": b"".join(_read(Path(f"/proc/{pid}/environ")) for pid in processes),
        "the product's log": _read(stack.product.log),
        "metrics": (await stack.product.page("/metrics")).encode(),
        "the database": await dump(stack),
    }

    assert {
        place
        for place, content in written.items()
        for secret in (password, root_key)
        for form in forms(secret)
        if form in content
    } == set()


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _opened(body: bytes) -> bytes:
    for opened in (gzip.decompress, zlib.decompress):
        try:
            return opened(body)
        except (OSError, zlib.error):
            continue
    return body
