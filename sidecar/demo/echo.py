"""An upstream that answers with what it was sent, so that one sees what Envoy let through."""

import http
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from sidecar.demo.listening import listen

_MAX_BODY = 1024 * 1024  # bytes

# What a path asks for instead of 200: /status/404, for one.
_STATUS_PREFIX = "/status/"


@asynccontextmanager
async def running_echo(host: str, port: int) -> AsyncIterator[int]:
    """Serve the echo until left; yield its port.

    Every answer is a JSON object: ``method``; ``path``, with its query, byte for byte;
    ``headers`` as spelled, a list of values where a name came more than once; ``body`` as text.

    Raises:
        OSError: The port cannot be listened on.
    """
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{anything:.*}", _echo)
    async with listen(app, host=host, port=port) as bound:
        yield bound


async def _echo(request: web.Request) -> web.Response:
    seen = {
        "method": request.method,
        "path": request.raw_path,
        "headers": _headers(request.raw_headers),
        "body": (await request.read()).decode(errors="backslashreplace"),
    }
    # Indented: people read it.
    text = json.dumps(seen, indent=2) + "\n"
    return web.json_response(text=text, status=_status(request.path))


def _headers(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str | list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in lines:
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _status(path: str) -> int:
    code = path.removeprefix(_STATUS_PREFIX)
    try:
        return http.HTTPStatus(int(code)) if path.startswith(_STATUS_PREFIX) else 200
    except ValueError:
        return 200
