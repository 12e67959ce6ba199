"""Speaks to the Admin API as curl would: the path goes out as it is written."""

import json as jsonlib
from typing import Any
from urllib.parse import quote, urlencode

from tests.clients.raw_http import Response, exchange

_BOUNDARY = "tollkeeper-test-boundary"
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"


class AdminClient:
    """A client of one server. ``headers`` go with every request."""

    def __init__(self, port: int, **headers: str) -> None:
        self.port = port
        self.headers = {"Host": f"127.0.0.1:{port}", **headers}

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: dict[str, str] | None = None,
        multipart: dict[str, Any] | None = None,
        raw: str | bytes | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Response:
        """Send a request with at most one kind of body. A header that is None is not sent."""
        content_type, body = _body(json, form, multipart, raw)
        sent = {**self.headers, "Content-Type": content_type, **(headers or {})}
        lines = [f"{method} {quote(path, safe=_AS_IT_IS)} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in sent.items() if value is not None]
        if body or method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""])
        return await exchange(self.port, head.encode() + body)

    async def get(self, path: str) -> Response:
        return await self.send("GET", path)

    async def post(self, path: str, json: Any = None) -> Response:
        return await self.send("POST", path, json=json if json is not None else {})

    async def put(self, path: str, json: Any = None) -> Response:
        return await self.send("PUT", path, json=json if json is not None else {})

    async def patch(self, path: str, json: Any = None) -> Response:
        return await self.send("PATCH", path, json=json if json is not None else {})

    async def delete(self, path: str) -> Response:
        return await self.send("DELETE", path)


_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))


def _body(
    json: Any,
    form: dict[str, str] | None,
    multipart: dict[str, Any] | None,
    raw: str | bytes | None,
) -> tuple[str | None, bytes]:
    if json is not None:
        return JSON, jsonlib.dumps(json).encode()
    if form is not None:
        return URLENCODED, urlencode(form).encode()
    if multipart is not None:
        return f"multipart/form-data; boundary={_BOUNDARY}", _multipart(multipart)
    return None, raw.encode() if isinstance(raw, str) else raw or b""


def _multipart(fields: dict[str, Any]) -> bytes:
    if not fields:
        return b""
    parts = []
    for name, value in fields.items():
        disposition = f'form-data; name="{name}"'
        if isinstance(value, dict):
            disposition += f'; filename="{value["filename"]}"'
            value = value["content"]  # noqa: PLW2901 - the content is the value
        parts.append(f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n")
    return ("".join(parts) + f"--{_BOUNDARY}--\r\n").encode()
