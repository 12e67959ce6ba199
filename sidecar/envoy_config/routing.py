"""Envoy's routes, from planned ones.

One virtual host takes every host, and hosts are matched like the rest: Envoy would otherwise pick
the virtual host first and never come back, where Kong weighs hosts, paths and methods together.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sidecar.envoy_config import body_capture
from sidecar.envoy_config.authorization import NAMESPACE, check_settings
from sidecar.envoy_config.body_hiding import enabled
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, Path, PlannedRoute

_EVERY_PATH = Path(text="/")
_REGEX_VALUE = "~*"  # how Kong marks a header's value as a regular expression
# How the request came to Envoy: nobody in front of the trusted hops can say anything else.
_SCHEME = "x-forwarded-proto"

Json = dict[str, Any]

# As Kong answers, but for the header Upgrade, which Envoy takes off.
_UPGRADE: Json = {
    "direct_response": {
        "status": 426,
        "body": {"inline_string": '{"message":"Please use HTTPS protocol"}'},
    },
    "response_headers_to_add": [
        {
            "header": {"key": "content-type", "value": "application/json; charset=utf-8"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    ],
}


def routes(plan: EnvoyPlan, planned: PlannedRoute) -> list[Json]:
    """Return Envoy's routes for one planned route: several where paths or bodies ask for it."""
    variants = [planned]
    if planned.body is not BodyUse.NONE:
        # First for gRPC calls, without their bodies: waiting for one would block a stream for ever.
        variants.insert(0, replace(planned, grpc_only=True, body=BodyUse.NONE))
    made = [
        _route(plan, variant, path, {"route": {**_action(variant), **rewrite}})
        for variant in variants
        for path, rewrite in _paths(variant)
    ]
    if planned.secure_only:
        # What comes in clear must not fall through to another route.
        open_to_all = replace(planned, secure_only=False, body=BodyUse.NONE, captures=Capture())
        made += [_route(plan, open_to_all, path, _UPGRADE) for path, _ in _paths(planned)]
    return made


def _route(plan: EnvoyPlan, planned: PlannedRoute, path: Json, does: Json) -> Json:
    context = {"route": planned.name}
    if planned.service is not None:
        context["service"] = planned.service
    return {
        "name": planned.name,
        "match": {**path, **_conditions(planned)},
        **does,
        "metadata": {"filter_metadata": {NAMESPACE: context}},
        "typed_per_filter_config": {
            **check_settings(plan, context, with_body=planned.body is not BodyUse.NONE),
            **(enabled() if planned.body is BodyUse.HIDE else {}),
            **body_capture.enabled(plan, planned),
        },
    }


def _action(planned: PlannedRoute) -> Json:
    action: Json = {
        "cluster": planned.upstream,
        # No limit on the whole call: downloads and streams may take long, standing still may not.
        "timeout": "0s",
        "idle_timeout": f"{planned.idle_timeout:g}s",
        # A gRPC client's own deadline holds.
        "max_stream_duration": {"grpc_timeout_header_max": "0s"},
    }
    if planned.retries:
        # Only where the upstream cannot have seen the request.
        action["retry_policy"] = {
            "retry_on": "connect-failure,refused-stream",
            "num_retries": planned.retries,
        }
    if planned.host_header is not None:
        action["host_rewrite_literal"] = planned.host_header
    return action


def _conditions(planned: PlannedRoute) -> Json:
    headers = []
    if planned.hosts:
        headers.append(_header(":authority", _either(map(_host_pattern, planned.hosts))))
    if planned.methods:
        headers.append(_header(":method", _either(map(re.escape, planned.methods))))
    headers += [
        _header(name.lower(), f"(?i:{_either(_value_patterns(values))})")
        for name, values in sorted(planned.headers.items())
    ]
    if planned.secure_only:
        headers.append(_header(_SCHEME, "https"))
    return {
        **({"headers": headers} if headers else {}),
        **({"grpc": {}} if planned.grpc_only else {}),
    }


def _header(name: str, pattern: str) -> Json:
    return {"name": name, "string_match": {"safe_regex": {"regex": pattern}}}


def _either(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(patterns)})"


def _host_pattern(host: str) -> str:
    name, colon, port = host.partition(":")
    pattern = re.escape(name).replace(r"\*", "[^:]+")
    return f"(?i:{pattern})" + (f":{port}" if colon else "(?::[0-9]+)?")


def _value_patterns(values: tuple[str, ...]) -> Iterator[str]:
    if len(values) == 1 and values[0].startswith(_REGEX_VALUE):
        yield f".*(?:{values[0].removeprefix(_REGEX_VALUE)}).*"
    else:
        yield from map(re.escape, values)


def _paths(planned: PlannedRoute) -> Iterator[tuple[Json, Json]]:
    """Yield pairs of a path match and the rewriting that goes with it, the narrower first."""
    path = planned.path or _EVERY_PATH
    prefix = planned.path_prefix
    if prefix and (planned.strip_path or path == _EVERY_PATH):
        # Nothing is left of the path: the upstream gets /prefix, not /prefix/.
        yield _whole(path), _rewrite(".*", prefix)
    if planned.strip_path:
        yield _start(path), _rewrite(f"{_pattern(path)}/?", f"{prefix}/")
    elif prefix:
        yield _start(path), _rewrite("", prefix)
    else:
        yield _start(path), {}


def _whole(path: Path) -> Json:
    return _full_match(path.text) if path.regex else {"path": path.text}


def _start(path: Path) -> Json:
    return _full_match(f"{_pattern(path)}.*") if path.regex else {"prefix": path.text}


def _pattern(path: Path) -> str:
    return f"(?:{path.text})" if path.regex else re.escape(path.text)


def _full_match(pattern: str) -> Json:
    return {"safe_regex": {"regex": pattern}}


def _rewrite(start: str, text: str) -> Json:
    # Envoy replaces every match: the anchor makes it the one at the start.
    substitution = text.replace("\\", "\\\\")
    return {"regex_rewrite": {"pattern": {"regex": f"^{start}"}, "substitution": substitution}}
