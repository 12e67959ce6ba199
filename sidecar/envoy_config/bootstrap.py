"""The whole bootstrap: what ``envoy -c`` takes."""

from typing import Any

import yaml

from sidecar.envoy_config.clusters import clusters, socket
from sidecar.envoy_config.expressions import MAX_PROGRAM
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.listener import listener
from sidecar.envoy_config.plan import EnvoyPlan

_MAX_CONNECTIONS = 50_000
# Enough to watch Envoy.  Left out: stopping it, and log levels that print every header.
_ADMIN_PATHS = (
    {"exact": "/ready"},
    {"exact": "/server_info"},
    {"exact": "/listeners"},
    {"exact": "/clusters"},
    {"prefix": "/stats"},
)


def bootstrap(plan: EnvoyPlan) -> dict[str, Any]:
    """Return the configuration as plain values."""
    return {
        "node": {"id": "tollkeeper", "cluster": "tollkeeper"},
        **_admin(plan),
        "static_resources": {"listeners": [listener(plan)], "clusters": clusters(plan)},
        "layered_runtime": {
            "layers": [
                {
                    "name": "limits",
                    "static_layer": {"re2.max_program_size.error_level": MAX_PROGRAM},
                }
            ]
        },
        "overload_manager": {"resource_monitors": [_connection_limit()]},
    }


def render(plan: EnvoyPlan) -> str:
    """Return the configuration as YAML."""
    return yaml.dump(bootstrap(plan), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _admin(plan: EnvoyPlan) -> dict[str, Any]:
    if plan.admin is None:
        return {}
    address = socket(plan.admin)
    if "pipe" in address:
        address["pipe"]["mode"] = 0o600
    return {"admin": {"address": address, "allow_paths": list(_ADMIN_PATHS)}}


def _connection_limit() -> dict[str, Any]:
    limit = typed("DownstreamConnectionsConfig", max_active_downstream_connections=_MAX_CONNECTIONS)
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"name": name, "typed_config": limit}


class _Dumper(yaml.SafeDumper):
    """Writes scripts as they are, line by line."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the same value twice is written twice
        return True


_Dumper.add_representer(str, _Dumper.represent_str)
