"""Plays a request-time case against the check alone: codec, decision and answer, in this process.

What Envoy does with the answer is done here in its place, by its documented rules: names that are
both set and removed are removed, header names know no letter case, ``:path`` is replaced whole.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from authsvc.entities import Consumer, StoredCredential
from authsvc.extauthz.checks import Checks
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse, DeniedHttpResponse, OkHttpResponse
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from tests.clients.raw_http import Response
from tests.conformance.access_cases import GRPC, Case, Expectation, expected
from tests.conformance.access_judgement import differences, unasked_changes
from tests.fakes.check_requests import check_request
from tests.fakes.issuer import Issuer, make_sealer
from tests.fakes.upstream import Sighting
from tests.fakes.worker import make_worker

_PLACEHOLDER = re.compile(r"\$\{(\w+):([^}]*)\}")
_MAX_BODY = 8192  # bytes that Envoy sends along where keys are looked for in bodies
_PARTIAL = "x-envoy-auth-partial-body"

Step = Mapping[str, Any]


class Checker:
    """One case on a database of its own; ``raw``: Envoy keeps repeated headers apart."""

    def __init__(self, case: Case, *, raw: bool) -> None:
        self._case = case
        self._raw = raw
        self._now = 1_000_000.0
        self._database = MemoryDatabase(clock=lambda: self._now)
        sealer = make_sealer()
        self._issuer = Issuer(self._database, sealer=sealer, clock=lambda: self._now)
        self._worker = make_worker(
            self._database, sealer=sealer, clock=lambda: self._now, monotonic=lambda: self._now
        )
        self._checks = Checks(authenticator=self._worker.authenticator, metrics=NullMetrics())
        self._consumers: dict[str, Consumer] = {}
        self._credentials: dict[str, StoredCredential] = {}
        self._ids: dict[tuple[str, str], str] = {}

    async def play(self) -> list[str]:
        """Return what is not as expected."""
        await self._prepare()
        for step in self._case.get("before", ()):
            await self._take(step)
        expect = self._filled(expected(self._case, GRPC))
        request = self._filled(self._case["request"])
        response, sighting = await self._exchange(request)
        return list(self._judge(request, expect, response, sighting))

    def _judge(
        self,
        request: Mapping[str, Any],
        expect: Expectation,
        response: Response,
        sighting: Sighting | None,
    ) -> Iterator[str]:
        # ext_authz cannot change a body: what becomes of it is for a real Envoy to show.
        upstream = expect.get("upstream", {})
        seen = {name: value for name, value in upstream.items() if not name.startswith("body")}
        yield from differences({**expect, "upstream": seen}, response, sighting)
        if sighting is not None:
            hidden = bool((self._case["config"] or {}).get("hide_credentials"))
            yield from unasked_changes(_sent(request), sighting, expect, hidden=hidden)

    async def _prepare(self) -> None:
        for consumer in self._case["consumers"]:
            name = consumer["username"] or consumer["custom_id"]
            self._consumers[name] = await self._issuer.add_consumer(
                consumer["username"],
                custom_id=consumer["custom_id"],
                groups=tuple(consumer["acls"]),
            )
            self._ids["consumer_id", name] = self._consumers[name].id
            for number, credential in enumerate(consumer["credentials"]):
                key = credential["key"] or uuid4().hex
                self._ids["generated_key", f"{name}:{number}"] = key
                await self._add_key({**credential, "username": name, "key": key})
        plugins = {"key_auth_enc": self._case["config"], "acl": self._case["acl"]}
        configured = {name: self._filled(config) for name, config in plugins.items() if config}
        await self._issuer.add_route("route", **configured)
        await self._worker.follower.catch_up()

    async def _take(self, step: Step) -> None:
        match step["do"]:
            case "sleep":
                self._now += step["seconds"]
            case "stop_database":
                self._worker.link.cut = True
            case "request" | "request_until":
                response, _ = await self._exchange(self._filled(step["request"]))
                assert response.status == step["expect"]["status"], step
            case write:
                await getattr(self, f"_{write}")(step)
                await self._worker.follower.catch_up()

    async def _add_key(self, step: Step) -> None:
        owner = self._consumers[step["username"]]
        credential = await self._issuer.add_key(owner, step["key"], ttl=step.get("ttl"))
        self._credentials[step["key"]] = credential
        self._ids["credential_id", step["key"]] = credential.id

    _create_credential = _add_key

    async def _update_credential(self, step: Step) -> None:
        credential = self._credentials.pop(step["key"])
        key = step["set"]["key"]
        self._credentials[key] = await self._issuer.change_key(credential, key)
        self._ids["credential_id", key] = credential.id

    async def _delete_credential(self, step: Step) -> None:
        await self._database.credentials.delete(self._credentials[step["key"]].id)

    async def _create_acl(self, step: Step) -> None:
        await self._issuer.add_group(self._consumers[step["username"]], step["group"])

    async def _update_acl(self, step: Step) -> None:
        owner = self._consumers[step["username"]].id
        entry = await self._database.acls.find(consumer_id=owner, group=step["group"])
        assert entry is not None
        await self._database.acls.replace(replace(entry, **step["set"]))

    async def _delete_acl(self, step: Step) -> None:
        owner = self._consumers[step["username"]].id
        entry = await self._database.acls.find(consumer_id=owner, group=step["group"])
        assert entry is not None
        await self._database.acls.delete(entry.id)

    async def _update_consumer(self, step: Step) -> None:
        consumer = replace(self._consumers[step["username"]], **step["set"])
        await self._database.consumers.replace(consumer)
        self._ids["consumer_id", str(consumer.username)] = consumer.id

    async def _delete_consumer(self, step: Step) -> None:
        await self._database.consumers.delete(self._consumers[step["username"]].id)

    async def _exchange(self, request: Mapping[str, Any]) -> tuple[Response, Sighting | None]:
        sent = _sent(request)
        reads_body = bool((self._case["config"] or {}).get("key_in_body"))
        shown = sent.body[:_MAX_BODY] if reads_body else b""
        headers = [(name, value.encode()) for name, value in sent.headers]
        if reads_body:
            partial = b"true" if len(sent.body) > len(shown) else b"false"
            headers.append((_PARTIAL, partial))
        asked = check_request(
            method=sent.method,
            path=sent.target,
            headers=headers,
            raw=self._raw,
            body=shown,
            size=len(sent.body),
            route="route",
        )
        payload = await self._checks.check(asked.SerializeToString())
        answer = CheckResponse.FromString(payload)
        if answer.status.code == 0:
            return Response(200, {}, b""), _passed_on(sent, answer.ok_response)
        has_denial = answer.HasField("denied_response")
        return _denied(answer.denied_response if has_denial else answer.error_response), None

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._filled(member) for member in value]
        if not isinstance(value, str):
            return value
        return _PLACEHOLDER.sub(lambda found: self._ids[found[1], found[2]], value)


def _sent(request: Mapping[str, Any]) -> Sighting:
    target = f"{request['path']}?{request['query']}" if request["query"] else request["path"]
    headers = [
        (name.lower(), one)
        for name, value in request["headers"].items()
        for one in (value if isinstance(value, list) else [value])
    ]
    if request["content_type"] is not None:
        headers.append(("content-type", request["content_type"]))
    text = request["body"] or ""
    body = base64.b64decode(text) if request["body_base64"] else text.encode()
    return Sighting(request["method"], target, tuple(headers), body)


def _passed_on(sent: Sighting, ok: OkHttpResponse) -> Sighting:
    changed = {option.header.key: option.header.value for option in ok.headers}
    target = changed.pop(":path", sent.target)
    removed = {name.lower() for name in ok.headers_to_remove}
    kept = [(name, value) for name, value in sent.headers if name not in changed]
    headers = [(name, value) for name, value in [*kept, *changed.items()] if name not in removed]
    return Sighting(sent.method, target, tuple(headers), sent.body)


def _denied(denial: DeniedHttpResponse) -> Response:
    lines = tuple((option.header.key, option.header.value) for option in denial.headers)
    return Response(denial.status.code, dict(lines), denial.body.encode(), lines)
