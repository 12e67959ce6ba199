"""Takes off a request what only Envoy and authsvc may say, before anything reads it.

authsvc removes spoofed identity headers too, but it is not asked on every path, and routes are
chosen before it is.  So Envoy strips them first.  A server may read ``X_Consumer_ID`` or
``X.Consumer.ID`` as ``X-Consumer-ID`` (CGI and WSGI do), so every separator counts.
"""

from collections.abc import Iterable
from typing import Any

from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import EnvoyPlan

IDENTITY_HEADERS = (
    "x-consumer-id",
    "x-consumer-username",
    "x-consumer-custom-id",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-credential-username",
    "x-anonymous-consumer",
    "x-authenticated-groups",
)
# What Envoy tells authsvc in HTTP mode, and what it is told.
OWN_HEADERS = (
    "x-tollkeeper-route",
    "x-tollkeeper-service",
    "x-tollkeeper-path",
    "x-tollkeeper-client-address",
)
# Header names reach the matcher in lower case.
_ANY_SEPARATOR = "[^a-z0-9]"


def drops_underscores(plan: EnvoyPlan) -> bool:
    """Tell whether Envoy drops every header with an underscore: unless a key may be in one."""
    return not any("_" in name for name in plan.secret_headers)


def early_mutations() -> list[dict[str, Any]]:
    """Return the HTTP connection manager's ``early_header_mutation_extensions``."""
    names = (*IDENTITY_HEADERS, *OWN_HEADERS)
    return [
        {
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": typed(
                "HeaderMutation",
                mutations=[*({"remove": name} for name in names), _remove_spellings(names)],
            ),
        }
    ]


def _remove_spellings(names: Iterable[str]) -> dict[str, Any]:
    # One expression for all names: one for each took Envoy 6 µs more of each request's 36.
    pattern = "|".join(name.replace("-", _ANY_SEPARATOR) for name in names)
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": pattern}}}}
