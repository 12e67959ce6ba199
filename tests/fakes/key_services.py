"""Real HTTP servers that speak the documented APIs of Vault (KV 2, transit) and of AWS KMS.

Only the calls that fetch a root key. Errors are as those services give them.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

TOKEN = "hvs.canary-token"
ROOT_KEY = base64.b64encode(bytes(range(32))).decode()
CIPHERTEXT = "vault:v1:b3BhcXVl"
BLOB = base64.b64encode(b"opaque to us").decode()


class KeyService:
    """What is asked is noted; ``broken`` makes every answer that status.

    With ``elsewhere`` a vault's answer is a redirect to that URL.
    """

    def __init__(self) -> None:
        self.url = ""
        self.broken: int | None = None
        self.elsewhere: str | None = None
        self.secret: dict[str, object] = {"root_key": ROOT_KEY, "number": 5}
        self.asked: list[str] = []

    async def read_secret(self, request: web.Request) -> web.Response:
        """``GET /v1/secret/data/<path>``."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if request.match_info["path"] != "tollkeeper/root":
            return web.json_response({"errors": []}, status=404)
        metadata = {"version": 3, "destroyed": False, "deletion_time": ""}
        return web.json_response({"data": {"data": self.secret, "metadata": metadata}})

    async def decrypt(self, request: web.Request) -> web.Response:
        """``POST /v1/transit/decrypt/<name>``."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = await request.json()
        if request.match_info["name"] != "root" or body["ciphertext"] != CIPHERTEXT:
            return web.json_response({"errors": ["invalid ciphertext"]}, status=400)
        return web.json_response({"data": {"plaintext": ROOT_KEY}})

    async def kms(self, request: web.Request) -> web.Response:
        """``POST /`` with ``X-Amz-Target: TrentService.Decrypt``."""
        self.asked.append(request.headers["X-Amz-Target"])
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        if self.broken is not None:
            error = {"__type": "KMSInternalException", "message": "canary"}
            return web.Response(status=self.broken, text=json.dumps(error), headers=headers)
        body = json.loads(await request.text())
        if body["CiphertextBlob"] != BLOB:
            error = {"__type": "InvalidCiphertextException", "message": "canary"}
            return web.Response(status=400, text=json.dumps(error), headers=headers)
        answer = {"KeyId": "arn:aws:kms:eu-west-1:1:key/k", "Plaintext": ROOT_KEY}
        return web.Response(text=json.dumps(answer), headers=headers)

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.asked.append(f"{request.method} {request.path}")
        if self.elsewhere is not None:
            location = f"{self.elsewhere}{request.path}"
            return web.Response(status=307, headers={"Location": location})
        if self.broken is not None:
            return web.json_response({"errors": ["Vault is sealed"]}, status=self.broken)
        if request.headers.get("X-Vault-Token") != TOKEN:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        return None


@asynccontextmanager
async def key_service() -> AsyncIterator[KeyService]:
    """Serve all of them on one port of this host."""
    service = KeyService()
    app = web.Application()
    app.router.add_get("/v1/secret/data/{path:.*}", service.read_secret)
    app.router.add_post("/v1/transit/decrypt/{name}", service.decrypt)
    app.router.add_put("/v1/transit/decrypt/{name}", service.decrypt)
    app.router.add_post("/", service.kms)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
