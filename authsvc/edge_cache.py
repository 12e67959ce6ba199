"""What Envoy is told of an answer that it may give again by itself for a while: a lease.

Rules, strongest first:

1. Only that a key is let through is leased: no refusal, no anonymous consumer, no preflight.
2. Only where the key and what applies decide alone: by ``preparation``'s judgement, and where no
   key may be in a body and no rule is there to judge. It says how to see that of a request.
3. It ends with the key's own time, and never lasts longer than the configuration says.
4. It never holds a key: it becomes dynamic metadata.

A lease is ASCII, so that a header can carry it in ext_authz's HTTP mode: its form, ``|``, and what
is let through, each ``name=value`` joined by ``&``, values percent-encoded::

    names=apikey&hidden=apikey&preflight=1&ids=1|ttl=2&until=1795310257&set.x-consumer-id=…&remove=…

``names``: the headers of which a request must have exactly one, once: the key's. ``hidden``: what
its query must not name. ``preflight=1``: ``OPTIONS`` is like any other method. ``ids=1``: each
request has a transaction id of its own. A request that brings such an id is asked about.
``ttl`` counts in seconds from the question, ``until`` is a time of the epoch.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from authsvc.decision import Allow, AllowReason
from authsvc.governance import Governance, may_govern
from authsvc.policy import PolicyBook
from authsvc.preparation import Recipe, key_of, recipe_for
from authsvc.request import Request
from authsvc.transaction_id import TRANSACTION_ID

FIELD = "edge_cache"  # of the dynamic metadata
_LONGEST = 8192  # characters; Envoy takes 60 KiB of headers
# What Envoy keeps ext_authz from taking off a request, as `envoy-config` has it: whoever gives the
# answer in its place must not take it off either.
_KEPT = re.compile(
    "host|content-length|transfer-encoding|connection|upgrade|te|x-request-id"
    "|x-forwarded-.+|x-envoy-.+"
)


def lease_of(
    decision: Allow,
    request: Request,
    *,
    policies: PolicyBook,
    governance: Governance | None,
    set_headers: Mapping[str, str],
    removed_headers: Iterable[str],
) -> str | None:
    """Return the lease of an answer, or None: Envoy has to ask each time.

    Args:
        decision: That the request goes on.
        request: The request.
        policies: By which that was decided.
        governance: The rules, if there are any.
        set_headers: What the answer sets in the request.
        removed_headers: What it takes off the request.
    """
    config = decision.policy.key_auth
    if not config.edge_cache or config.key_in_body or decision.reason is not AllowReason.KEY:
        return None
    if decision.hiding.path is not None or decision.hiding.cookie is not None:
        return None
    recipe = recipe_for(policies, request.route, request.service)
    if recipe is None or recipe.policy != decision.policy or key_of(request, recipe) is None:
        return None
    if may_govern(governance, request.route, request.service):
        return None
    told = {name: value for name, value in set_headers.items() if name != TRANSACTION_ID}
    removed = tuple(removed_headers)
    if not all(map(str.isprintable, told.values())) or any(map(_KEPT.fullmatch, removed)):
        return None
    ends = decision.identity.expires_at if decision.identity else None
    lease = f"{_form(recipe)}|{_permission(config.edge_cache, ends, told, removed)}"
    return lease if len(lease) <= _LONGEST else None


def _form(recipe: Recipe) -> str:
    names = [name for name in recipe.telling if name != TRANSACTION_ID]
    fields = {
        "names": ",".join(names),
        "hidden": ",".join(sorted(name.decode() for name in recipe.hidden)),
        "preflight": "1" if recipe.preflight else "",
        "ids": "1" if recipe.transaction_ids else "",
    }
    return _joined(fields)


def _permission(
    seconds: int, ends: int | None, told: Mapping[str, str], removed: Iterable[str]
) -> str:
    fields = {
        "ttl": str(seconds),
        "until": "" if ends is None else str(ends),
        **{f"set.{name}": value for name, value in told.items()},
        "remove": ",".join(removed),
    }
    return _joined(fields)


def _joined(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe=',')}" for name, value in fields.items())
