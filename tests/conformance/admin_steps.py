"""Runs the steps of an Admin API case: fills placeholders, sends, and compares what comes back."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from tests.clients.admin_client import AdminClient
from tests.clients.raw_http import Response

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.]+)(\|urlenc)?\}")
_BODIES = ("json", "form", "multipart", "raw")


class Steps:
    """One case's run, with what it has captured."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._captured: dict[str, Any] = {}

    async def run(self, case: Mapping[str, Any]) -> None:
        """Run the case; fail with what differs."""
        for step in case["setup"]:
            if "sleep" in step:
                await asyncio.sleep(step["sleep"])
            else:
                response = await self._send(step)
                assert response.status < 300, f"setup {step}: {response}"
        await self._judge(case["request"], case["expect"])
        for step in case.get("then", []):
            if "sleep" in step:
                await asyncio.sleep(step["sleep"])
            else:
                await self._judge(step["request"], step["expect"])

    async def _judge(self, request: Mapping[str, Any], expect: Mapping[str, Any]) -> None:
        response = await self._send(request)
        if response.status not in expect.get("also_ok", []):
            differences = list(_differences(response, self._filled(expect)))
            assert not differences, f"{request['method']} {request['path']}: {differences}"

    async def _send(self, request: Mapping[str, Any]) -> Response:
        filled = self._filled({key: request[key] for key in request if key != "capture"})
        kinds = {kind: filled[kind] for kind in _BODIES if kind in filled}
        response = await self._client.send(
            filled["method"], filled["path"], headers=filled.get("headers"), **kinds
        )
        if "capture" in request:
            self._captured[request["capture"]] = response.json()
        return response

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._filled(member) for member in value]
        if not isinstance(value, str):
            return value
        whole = _PLACEHOLDER.fullmatch(value)
        if whole:
            return self._captured_value(whole)
        return _PLACEHOLDER.sub(lambda found: str(self._captured_value(found)), value)

    def _captured_value(self, found: re.Match[str]) -> Any:
        first, *members = found[1].split(".")
        if first.startswith("uuid") and first not in self._captured:
            self._captured[first] = str(uuid4())
        value = self._captured[first]
        for member in members:
            value = value[member]
        return quote(value, safe="") if found[2] else value


def _differences(response: Response, expect: Mapping[str, Any]) -> list[str]:
    found = []
    if response.status != expect["status"]:
        found.append(f"status {response.status}, not {expect['status']}: {response.body!r}")
    text = response.body.decode()
    for name, wanted in expect.get("headers", {}).items():
        if not matches(response.headers.get(name.lower()), wanted):
            found.append(f"header {name}: {response.headers.get(name.lower())!r}")
    unwanted = [name for name in expect.get("json_absent", []) if name in response.json()]
    found += [f"{name} is there" for name in unwanted]
    for key, exact in (("json_exact", True), ("json_subset", False)):
        if key in expect and not matches(response.json(), expect[key], exact=exact):
            found.append(f"{key}: {text}, not {expect[key]}")
    if "body_exact" in expect and _compact(text) != _compact(expect["body_exact"]):
        found.append(f"body: {text}")
    if "body_contains" in expect and expect["body_contains"] not in text:
        found.append(f"body: {text}")
    return found


def matches(actual: Any, wanted: Any, *, exact: bool = False) -> bool:
    """Tell whether a JSON value is what is wanted, matchers included."""
    if isinstance(wanted, dict):
        return (
            isinstance(actual, dict)
            and (not exact or actual.keys() == wanted.keys())
            and all(
                name in actual and matches(actual[name], member, exact=exact)
                for name, member in wanted.items()
            )
        )
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(
                matches(one, member, exact=exact)
                for one, member in zip(actual, wanted, strict=True)
            )
        )
    if isinstance(wanted, str) and (matcher := re.fullmatch(r"<(\w+)(?::(.*))?>", wanted)):
        return _MATCHERS[matcher[1]](actual, matcher[2])
    return type(actual) is type(wanted) and bool(actual == wanted)


def _is_uuid(value: Any) -> bool:
    try:
        return str(UUID(value)) == value
    except (ValueError, TypeError, AttributeError):
        return False


def _is_between(value: Any, bounds: str) -> bool:
    low, high = map(float, bounds.split(","))
    return isinstance(value, int | float) and low <= value <= high


_MATCHERS = {
    "any": lambda _value, _of: True,
    "str": lambda value, _of: isinstance(value, str),
    "int": lambda value, _of: isinstance(value, int) and not isinstance(value, bool),
    "uuid": lambda value, _of: _is_uuid(value),
    "len": lambda value, of: hasattr(value, "__len__") and len(value) == int(of),
    "re": lambda value, of: isinstance(value, str) and re.search(of, value) is not None,
    "ne": lambda value, of: value != of,
    "gt": lambda value, of: isinstance(value, int | float) and value > float(of),
    "between": _is_between,
    "contains": lambda value, of: of in value,
}


def _compact(text: str) -> str:
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text
