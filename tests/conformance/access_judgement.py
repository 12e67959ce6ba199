"""Compares what a client got, and what the upstream saw, with what a case expects."""

import json
import re
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

from tests.clients.raw_http import Response
from tests.fakes.upstream import Sighting

Expectation = Mapping[str, Any]


def differences(
    expect: Expectation, response: Response, sighting: Sighting | None
) -> Iterator[str]:
    """Yield what is not as expected."""
    if response.status != expect["status"]:
        yield f"status {response.status}, not {expect['status']}: {response.body!r}"
    if (sighting is not None) != (expect["status"] == 200):
        yield f"the upstream saw {sighting}"
    yield from _in_answer(expect, response)
    if sighting is not None:
        yield from _at_upstream(expect.get("upstream", {}), sighting)


def unasked_changes(
    sent: Sighting, sighting: Sighting, expect: Expectation, *, hidden: bool
) -> Iterator[str]:
    """Yield what reached the upstream otherwise than it was sent though no case says so."""
    told = {name.partition("_")[0] for name in expect.get("upstream", {})}
    same = {"method", "path"} | ({"body"} - told)
    same |= set() if hidden else {"query"}
    for name in sorted(same):
        if getattr(sent, name) != getattr(sighting, name):
            yield f"{name} {getattr(sighting, name)!r}, not {getattr(sent, name)!r}"


def _in_answer(expect: Expectation, response: Response) -> Iterator[str]:
    for name, value in expect.get("response_headers", {}).items():
        found = [found for line, found in response.lines if line == name.lower()]
        if found != [value]:
            yield f"header {name}: {found}"
    for name in expect.get("response_headers_absent", ()):
        if name.lower() in response.headers:
            yield f"header {name}: {response.headers[name.lower()]}"
    if {"body_json", "body_json_keys"} & set(expect):
        members = _members(response.body)
        if not expect.get("body_json", {}).items() <= members.items():
            yield f"members {members}"
        if set(expect.get("body_json_keys", members)) != set(members):
            yield f"members {members}"
    if "body_regex" in expect and not re.search(expect["body_regex"], response.body.decode()):
        yield f"body {response.body!r}"


def _members(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}


def _at_upstream(expect: Expectation, sighting: Sighting) -> Iterator[str]:
    choices = {name: [value] for name, value in expect.get("headers_present", {}).items()}
    for name, values in (choices | expect.get("headers_present_any_of", {})).items():
        found = sighting.values(name)
        if len(found) != 1 or found[0] not in values:
            yield f"upstream header {name}: {found}"
    for name in expect.get("headers_absent", ()):
        if sighting.values(name):
            yield f"upstream header {name}: {sighting.values(name)}"
    if "query" in expect and sighting.query != expect["query"]:
        yield f"query {sighting.query!r}"
    yield from _in_body(expect, sighting)


def _in_body(expect: Expectation, sighting: Sighting) -> Iterator[str]:
    if "body" in expect and sighting.body != expect["body"].encode():
        yield f"body {sighting.body!r}"
    if "body_json" in expect and json.loads(sighting.body) != expect["body_json"]:
        yield f"body {sighting.body!r}"
    if {"body_fields", "body_fields_absent"} & set(expect):
        fields = _fields(sighting)
        for name, value in expect.get("body_fields", {}).items():
            if fields.get(name) != value:
                yield f"field {name}: {fields}"
        for name in expect.get("body_fields_absent", ()):
            if name in fields:
                yield f"field {name}: {fields}"


def _fields(sighting: Sighting) -> dict[str, Any]:
    (content_type,) = sighting.values("content-type")
    if content_type == "application/json":
        return dict(json.loads(sighting.body))
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(sighting.body.decode(), keep_blank_values=True))
    head = f"content-type: {content_type}\r\n\r\n".encode()
    parts = message_from_bytes(head + sighting.body).get_payload()
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload()
        for part in parts
    }
