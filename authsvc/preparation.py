"""Which answers depend on nothing but who calls and what applies, so that they can be prepared.

That is so for a key in a header, under a policy that changes nothing that the request says, where
no rule is there to judge it.  The id of a transaction is the one part that each answer has anew.
"""

from dataclasses import dataclass
from typing import Final

from authsvc.errors import PolicyError
from authsvc.locations import header_names
from authsvc.policy import Policy, PolicyBook
from authsvc.query import mentions
from authsvc.request import Request
from authsvc.transaction_id import TRANSACTION_ID

_BLANKS: Final = b" \t"  # around a value; see authsvc.locations
_SPACE: Final = 0x20
_QUESTION_MARK: Final = 0x3F
_PERCENT: Final = 0x25


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to see that an answer is one of those.

    Attributes:
        policy: What applies.
        telling: The names of headers, in lower case, of which a request must have exactly one: that
            with the key. The others, and a transaction id that it brings, would say something too.
        hidden: The names, in bytes, that the query must not have.
        preflight: Whether ``OPTIONS`` is a request like any other.
        transaction_ids: Whether each answer has an id of its own.
        refusals: Whether refusals of keys can be prepared: nobody is let in without one.
        keyless: Whether a request without such a header is refused for that, if its query has none
            of ``asked`` and it has no body.
        asked: The names of keys, in bytes, that are looked for in the query.
        tokens: The names of headers, in bytes and lower case, that a request must not have for
            that: they may say who calls without a key.
    """

    policy: Policy
    telling: tuple[str, ...]
    hidden: frozenset[bytes]
    preflight: bool
    transaction_ids: bool
    refusals: bool
    keyless: bool
    asked: frozenset[bytes]
    tokens: frozenset[bytes]


def recipe_for(book: PolicyBook, route: str | None, service: str | None) -> Recipe | None:
    """Return how to see that an answer can be prepared, or None: none can be."""
    try:
        policy = book.find(route, service)
    except PolicyError:
        return None
    if policy is None or not policy.key_auth.key_names or not policy.key_auth.key_in_header:
        return None
    config = policy.key_auth
    if config.hide_credentials and (config.key_in_cookie or config.key_in_bearer):
        return None
    wanted = book.annotation_rules(route, service)
    if wanted.tokens_of_known:
        return None
    # The first name comes before all other names, and its header before all other places.
    names = header_names(config.key_names[0])
    tokens = () if wanted.read_token is None else wanted.token_headers
    refusals = config.anonymous is None
    return Recipe(
        policy=policy,
        telling=(*names, TRANSACTION_ID),
        hidden=frozenset(name.encode() for name in config.key_names if config.hide_credentials),
        preflight=config.run_on_preflight,
        transaction_ids=wanted.transaction_ids,
        refusals=refusals,
        keyless=refusals
        and len(config.key_names) == 1
        and not config.key_in_cookie
        and not config.key_in_bearer,
        asked=frozenset(name.encode() for name in config.key_names if config.key_in_query),
        tokens=frozenset(name.encode() for name in tokens),
    )


def key_of(request: Request, recipe: Recipe) -> bytes | None:
    """Return the key of a request that says nothing else of its answer; None if it may."""
    found = [header for header in request.headers if header[0] in recipe.telling]
    if len(found) != 1 or found[0][0] == TRANSACTION_ID:
        return None
    path = request.path.encode("utf-8", "surrogateescape")
    return key_in(found[0][1]) if is_plain(request.method.encode(), path, recipe) else None


def key_in(value: bytes) -> bytes | None:
    """Return the key in the value of the header that has it; None if it is empty."""
    if value and value[0] > _SPACE and value[-1] > _SPACE:
        return value
    return value.strip(_BLANKS) or None


def is_plain(method: bytes, path: bytes, recipe: Recipe) -> bool:
    """Tell whether neither the method nor the path of a request says something of its answer."""
    if method == b"OPTIONS" and not recipe.preflight:
        return False
    return not recipe.hidden or is_without(path, recipe.hidden)


def is_without(path: bytes, names: frozenset[bytes]) -> bool:
    """Tell whether the query of a path has no argument of these names."""
    if _QUESTION_MARK not in path:
        return True
    if _PERCENT not in path:
        # What is not there in any place is no argument either: much cheaper to see.
        # To look with `find`: `in` first takes bytes for a number, and raises an error for itself.
        for name in names:
            if path.find(name) >= 0:
                break
        else:
            return True
    return not mentions(path.decode("utf-8", "surrogateescape"), names)
