"""The ext_authz filter in its HTTP mode: for those who cannot have gRPC between Envoy and authsvc.

What HTTP mode cannot carry is made up for here: the route's name and the client's address travel in
headers, and the path without the hidden key comes back in one, which a few lines of Lua put in its
place; so do headers that rules add to an answer, whose names nobody knows beforehand.
"""

from typing import Any

from authsvc.edge_cache import FIELD as LEASE
from authsvc.extauthz.http import (
    CLIENT_ADDRESS_HEADER,
    PATH_HEADER,
    ROUTE_HEADER,
    RULE_HEADERS,
    SERVICE_HEADER,
)
from authsvc.locations import header_names
from authsvc.transaction_id import TRANSACTION_ID
from sidecar.envoy_config.clusters import AUTHSVC_HTTP
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_config.stripping import IDENTITY_HEADERS

_ASKED_WITH = ("accept", "authorization", "content-type", "cookie", TRANSACTION_ID, "x-request-id")
_METADATA = (
    "anonymous",
    "authority",
    "blocked_by",
    "company_id",
    "consumer_id",
    "credential_id",
    "custom_id",
    LEASE,
    "reason",
    "result",
    "route",
    RULE_HEADERS,
    "service",
    "token_company_id",
    "token_user_id",
    "transaction_id",
    "user_id",
    "username",
)
_TOLD_TO_CLIENTS = ("content-type", "grpc-status", "www-authenticate", TRANSACTION_ID)
_CONTEXT_HEADERS = {"route": ROUTE_HEADER, "service": SERVICE_HEADER}
_CLIENT_ADDRESS = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
_LUA = f"""\
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get("{PATH_HEADER}")
  if path ~= nil then
    headers:replace(":path", path)
    headers:remove("{PATH_HEADER}")
  end
end

local function unquote(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

function envoy_on_response(handle)
  local said = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.ext_authz")
  local rules = said ~= nil and said["{RULE_HEADERS}"]
  if rules then
    for name, value in rules:gmatch("([^&=]+)=([^&]*)") do
      handle:headers():replace(unquote(name), unquote(value))
    end
  end
end
"""


def http_service(context: dict[str, str]) -> dict[str, Any]:
    """Return how authsvc is asked about a route."""
    told = [
        {"key": _CONTEXT_HEADERS[name], "value": value.replace("%", "%%")}
        for name, value in context.items()
    ]
    told.append({"key": CLIENT_ADDRESS_HEADER, "value": _CLIENT_ADDRESS})
    return {
        "server_uri": {"uri": "http://tollkeeper", "cluster": AUTHSVC_HTTP, "timeout": "1s"},
        "authorization_request": {"headers_to_add": told},
        "authorization_response": {
            "allowed_upstream_headers": _exactly(
                *IDENTITY_HEADERS, PATH_HEADER, "cookie", TRANSACTION_ID
            ),
            "allowed_client_headers": _exactly(*_TOLD_TO_CLIENTS),
            "allowed_client_headers_on_success": _exactly(TRANSACTION_ID),
            "dynamic_metadata_from_headers": _exactly(*_METADATA),
        },
    }


def asked_with(plan: EnvoyPlan) -> dict[str, Any]:
    """Return the filter's ``allowed_headers``: what authsvc gets to see of a request."""
    keys = [spelling for name in plan.secret_headers for spelling in header_names(name)]
    return _exactly(*dict.fromkeys([*_ASKED_WITH, *keys]))


def path_rewriter() -> dict[str, Any]:
    """Return the filter behind ext_authz that puts the path without the key in its place."""
    return {
        "name": "envoy.filters.http.lua",
        "typed_config": typed("Lua", default_source_code={"inline_string": _LUA}),
    }


def _exactly(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name} for name in names]}
