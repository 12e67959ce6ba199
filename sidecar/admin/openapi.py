"""The OpenAPI document, made of the endpoints: there is no second description to fall behind."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

from sidecar.admin.call import Call, Reply
from sidecar.admin.json_schema import JsonDocument, sent, shown
from sidecar.admin.operation import Listed, Operation, Sent, Shown
from sidecar.admin.roles import READABLE
from sidecar.admin.routing import Endpoint
from sidecar.admin.schema import Schema

PATH = "/openapi.json"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_PARAMETER = re.compile(r"\{(\w+)\}")
_READING = ("400", "401", "403", "404", "421", "500", "503")
_WRITING = (*_READING, "405", "408", "409", "413", "415", "504")
_UNDESCRIBED = Operation(summary="See the documentation.", gives={"type": "object"})
_ERROR: JsonDocument = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "code": {"type": "integer", "description": "Kong's number of the kind of error."},
        "name": {"type": "string"},
        "fields": {"type": "object"},
        "options": {"type": "object"},
    },
}
_ARGUMENTS: Mapping[str, JsonDocument] = {
    "size": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    "offset": {"type": "string", "description": "Where to go on: as the last page said."},
    "tags": {"type": "string", "description": "`a,b`: with all of them; `a/b`: with any."},
    "wait": {"enum": ["applied"], "description": "Answer when every worker has applied it."},
}
_SECURITY: JsonDocument = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "apiKey", "in": "header", "name": "Kong-Admin-Token"},
}


def openapi_endpoint(endpoints: Iterable[Endpoint], *, version: str) -> Endpoint:
    """Return the endpoint that shows the document of these endpoints."""
    # Made when it is first asked for: most processes never are, and it takes longer than the rest.
    document = cache(partial(describe, list(endpoints), version=version))

    async def read(_call: Call) -> Reply:
        return Reply(body=document())

    operation = Operation(summary="Show this document.", gives={"type": "object"})
    return Endpoint(PATH, {"GET": read}, READABLE, {"GET": operation})


def describe(endpoints: Iterable[Endpoint], *, version: str) -> JsonDocument:
    """Return the OpenAPI 3.1 document of these endpoints."""
    known = list(endpoints)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tollkeeper Admin API", "version": version},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"token": []}, {}],
        "paths": {endpoint.template: _path(endpoint) for endpoint in known},
        "components": {
            "securitySchemes": _SECURITY,
            "schemas": {"error": _ERROR, **_components(known)},
        },
    }


def _path(endpoint: Endpoint) -> JsonDocument:
    names = _PARAMETER.findall(endpoint.template)
    path: JsonDocument = {"parameters": [_path_parameter(name) for name in names]}
    for method in endpoint.handlers:
        operation = endpoint.operations.get(method, _UNDESCRIBED)
        path[method.lower()] = _operation(endpoint, method, operation)
    return path


def _operation(endpoint: Endpoint, method: str, operation: Operation) -> JsonDocument:
    words = re.findall(r"\w+", endpoint.template)
    described: JsonDocument = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": operation.summary,
        "description": f"For the role {endpoint.access.needed(method)}.",
        "tags": words[:1] or ["information"],
        "parameters": [_argument(name) for name in operation.arguments],
        "responses": _responses(method, operation),
    }
    if method in _WITH_BODY and operation.takes is not None:
        described["requestBody"] = {"content": _body(operation.takes)}
    return described


def _body(takes: Sent | Mapping[str, Any]) -> JsonDocument:
    schema = _ref(_sent_name(takes)) if isinstance(takes, Sent) else dict(takes)
    # In a form everything is text, and names are spelt as Kong spells them.
    forms = {kind: {"schema": {"type": "object"}} for kind in _FORMS}
    return {"application/json": {"schema": schema}, **forms}


def _responses(method: str, operation: Operation) -> JsonDocument:
    success: JsonDocument = {"description": "Done."}
    if operation.gives is not None:
        success["content"] = _json(_given(operation.gives))
    errors = _WRITING if method in _WITH_BODY | {"DELETE"} else _READING
    refused = {status: _refusal(status) for status in errors}
    undescribed = {"default": success} if operation is _UNDESCRIBED else {}
    return {str(operation.status): success, **refused, **undescribed}


def _refusal(status: str) -> JsonDocument:
    if status == "415":
        return {"description": "The content type is not understood; there is no body."}
    return {"description": "Refused.", "content": _json(_ref("error"))}


def _given(gives: Shown | Listed | Mapping[str, Any]) -> JsonDocument:
    if isinstance(gives, Shown):
        return _ref(gives.schema.name)
    if not isinstance(gives, Listed):
        return dict(gives)
    row = _ref(gives.of.name) if isinstance(gives.of, Schema) else dict(gives.of)
    return {
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": row},
            "next": {"type": ["string", "null"]},
            "offset": {"type": "string"},
        },
    }


def _components(endpoints: Iterable[Endpoint]) -> JsonDocument:
    found: JsonDocument = {}
    for endpoint in endpoints:
        for operation in endpoint.operations.values():
            gives, takes = operation.gives, operation.takes
            schema = gives.of if isinstance(gives, Listed) else getattr(gives, "schema", None)
            if isinstance(schema, Schema):
                found[schema.name] = shown(schema)
            if isinstance(takes, Sent):
                found[_sent_name(takes)] = sent(takes.schema, partial=takes.partial)
    return found


def _sent_name(takes: Sent) -> str:
    return f"{takes.schema.name}_{'change' if takes.partial else 'new'}"


def _path_parameter(name: str) -> JsonDocument:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _argument(name: str) -> JsonDocument:
    return {"name": name, "in": "query", "schema": _ARGUMENTS.get(name, {"type": "string"})}


def _ref(name: str) -> JsonDocument:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: JsonDocument) -> JsonDocument:
    return {"application/json": {"schema": schema}}
