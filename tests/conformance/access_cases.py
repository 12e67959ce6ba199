"""Kong's request-time cases: which are run, and what is expected where we differ by design."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Case = Mapping[str, Any]
Expectation = Mapping[str, Any]

# Faces of authsvc.
GRPC, HTTP = "grpc", "http"
FACES = (GRPC, HTTP)

# Kong plugins that we have nothing like; and `acl` alone, where our default key-auth steps in.
_FOREIGN = frozenset(
    {
        "acl-without-auth",
        "authenticated-groups",
        "basic-auth",
        "credential-without-consumer",
        "earlier-auth-plugin",
    }
)

_SPACES = "c+d=1+2&c%20d=3%20&b+d=5&%20a+=6+%20+&+%20+d=+%20+7%20++"
_PARTS = (
    '--xxyyzz\r\nContent-Disposition: form-data; name="zzz"\r\n\r\ngoodbye world\r\n'
    '--xxyyzz\r\nContent-Disposition: form-data; name="foo"\r\n\r\nhello world\r\n--xxyyzz--\r\n'
)
_REPEATED_PARTS = (
    '--8fd84e9444e3946c\r\nContent-Disposition: form-data; name="t"\r\n\r\n1\r\n'
    '--8fd84e9444e3946c\r\nContent-Disposition: form-data; name="t"\r\n\r\n2\r\n'
    "--8fd84e9444e3946c--\r\n"
)
_IDENTITY = [
    "X-Consumer-ID",
    "X-Consumer-Custom-ID",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Anonymous-Consumer",
]
_LET_THROUGH = {"status": 200}
_NO_KEY = {"status": 401, "body_json": {"message": "No API key found in request"}}
_PREFLIGHT = "An `OPTIONS` request that passes by `run_on_preflight: false`"

# Accidents of Kong that we do not repeat -> how docs/kong-differences.md begins to tell of them,
# and what comes of them here.
DIFFERENT: dict[str, tuple[str, Expectation]] = {
    "kd-valueless-query-hides-body": ("An argument without a value", _LET_THROUGH),
    "kd-query-101st-arg": ("Arguments and form fields are read up to the 100th", _LET_THROUGH),
    "kd-body-101st-arg": ("Arguments and form fields are read up to the 100th", _LET_THROUGH),
    "kd-body-json-object-value": ("A JSON object, or an empty list,", _NO_KEY),
    "kd-body-json-array-empty": ("A JSON object, or an empty list,", _NO_KEY),
    "kd-body-too-large-key-in-header-hide": (
        "A copy of the key in a body that is too large",
        {"status": 200, "upstream": {"body": f"pad={'x' * 9000}"}},
    ),
    "kd-hide-query-space-encoding": (
        "What is left of a query",
        {"status": 200, "upstream": {"query": _SPACES}},
    ),
    "kd-hide-only-winning-name": (
        "Only the name under which the key was found is hidden",
        {"status": 200, "upstream": {"headers_absent": ["apikey", "x-key"], "query": ""}},
    ),
    "kd-hide-body-multipart-sorted": (
        "What is left of a body",
        {"status": 200, "upstream": {"body": _PARTS}},
    ),
    "kd-hide-body-multipart-array-500": (
        "What is left of a body",
        {"status": 200, "upstream": {"body": _REPEATED_PARTS}},
    ),
    "kd-spoof-credential-username": (
        "A client's own `X-Credential-Username`",
        {"status": 200, "upstream": {"headers_absent": ["X-Credential-Username"]}},
    ),
    "kd-preflight-off-spoofed-headers-pass": (
        _PREFLIGHT,
        {"status": 200, "upstream": {"headers_absent": _IDENTITY}},
    ),
    "kd-preflight-off-hide-not-applied": (
        _PREFLIGHT,
        {"status": 200, "upstream": {"headers_absent": ["apikey"], "query": ""}},
    ),
    "acld-hide-groups-spoof-passes": (
        "A client's own `X-Consumer-Groups`",
        {"status": 200, "upstream": {"headers_absent": ["X-Consumer-Groups"]}},
    ),
}

# The rest of a query stays as it was sent, where Kong decodes and encodes it again.
_QUERIES = {"ka-hide-on-query-encoded": "c=valu%651&b=value2&a=valu%653"}


def load_cases() -> dict[str, Case]:
    """Return the cases by id, without those that need Kong plugins which we do not have."""
    cases = json.loads(Path(__file__).with_name("kong-access.json").read_text())
    return {case["id"]: case for case in cases if _FOREIGN.isdisjoint(case.get("requires") or ())}


def expected(case: Case, face: str) -> Expectation:
    """Return what must come of a case: Kong's answer, or ours where the design says so."""
    if case["id"] in DIFFERENT:
        return DIFFERENT[case["id"]][1]
    expectation = case["expect"]
    if case["id"] in _QUERIES:
        upstream = expectation["upstream"] | {"query": _QUERIES[case["id"]]}
        return {**expectation, "upstream": upstream}
    if expectation["status"] != 500:
        return expectation
    if "db-control" in (case.get("requires") or ()):
        return _outage(expectation, face)
    # To Envoy any 5xx of an HTTP service is an outage, and may let requests pass: 403 never does.
    return {**expectation, "status": 403} if face == HTTP else expectation


def _outage(expectation: Expectation, face: str) -> Expectation:
    if face == HTTP:
        return {
            "status": 503,
            "response_headers_absent": ["WWW-Authenticate"],
        }  # Envoy's own answer
    message = "The service is temporarily unavailable"
    return {**expectation, "status": 503, "body_json": {"message": message}}
