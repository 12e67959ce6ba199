"""The Lua filter before ext_authz that gives answers again by itself, where authsvc leased them.

Rules, strongest first:

1. ext_authz is skipped only for a request that the filter marked as answered. Without the mark, so
   also where the script fails, ext_authz asks.
2. What is given again is what authsvc said of the same key for the same route, service and host,
   for as long as it allowed; the script itself allows nothing.
3. A request on which more depends than its key is asked about, as ever.

The script is ``edge_cache.lua``; what a lease holds, ``authsvc.edge_cache`` says.
"""

from importlib import resources
from typing import Any

from authsvc.edge_cache import FIELD as LEASE
from authsvc.edge_cache_option import LONGEST_TTL
from authsvc.transaction_id import TRANSACTION_ID
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_config.stripping import OWN_HEADERS, drops_underscores

# In the script metadata() is the route's, of the namespace with the filter's own name: so it goes
# by the very names that ext_authz hands to authsvc.
FILTER = "tollkeeper"
OWN = "tollkeeper.edge_cache"  # dynamic metadata
MOST_ENTRIES = 4096  # of one worker of Envoy; about a kilobyte each
_VERDICT = "envoy.filters.http.ext_authz"


def edge_cache(plan: EnvoyPlan) -> dict[str, Any]:
    """Return the HTTP filter."""
    return {
        "name": FILTER,
        "typed_config": typed(
            "Lua",
            default_source_code={"inline_string": _script(plan)},
            clear_route_cache=False,  # as ext_authz: what it changes leads to no other route
        ),
    }


def unless_answered() -> dict[str, Any]:
    """Return ext_authz's ``filter_enabled_metadata``: on, but for what was answered."""
    return {
        "filter": OWN,
        "path": [{"key": "hit"}],
        "value": {"bool_match": True},
        "invert": True,
    }


def _script(plan: EnvoyPlan) -> str:
    # Over HTTP, authsvc has these taken off every request that it lets through.
    also_removed = OWN_HEADERS if plan.authsvc_http else ()
    constants = {
        "VERDICT": f'"{_VERDICT}"',
        "OWN": f'"{OWN}"',
        "LEASE": f'"{LEASE}"',
        "TRANSACTION_ID": f'"{TRANSACTION_ID}"',
        "ALSO_REMOVED": "{" + ", ".join(f'"{name}"' for name in also_removed) + "}",
        "NO_UNDERSCORES": str(drops_underscores(plan)).lower(),
        "MOST_ENTRIES": str(MOST_ENTRIES),
        "LONGEST_TTL": str(LONGEST_TTL),  # seconds, whatever a lease says
    }
    lines = [f"local {name} = {value}" for name, value in constants.items()]
    text = resources.files(__package__).joinpath("edge_cache.lua").read_text(encoding="utf-8")
    return "\n".join([*lines, "", text])
