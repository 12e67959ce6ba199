"""Which answers depend on nothing but who calls and what applies, so that they can be prepared.

That is so for a key in a header, under a policy that changes nothing that the request says, where
no rule is there to judge it.  The id of a transaction is the one part that each answer has anew.
"""

from dataclasses import dataclass

from authsvc.errors import PolicyError
from authsvc.locations import header_names
from authsvc.policy import Policy, PolicyBook
from authsvc.transaction_id import TRANSACTION_ID


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
    """

    policy: Policy
    telling: tuple[str, ...]
    hidden: frozenset[bytes]
    preflight: bool
    transaction_ids: bool


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
    return Recipe(
        policy=policy,
        # The first name comes before all other names, and its header before all other places.
        telling=(*header_names(config.key_names[0]), TRANSACTION_ID),
        hidden=frozenset(name.encode() for name in config.key_names if config.hide_credentials),
        preflight=config.run_on_preflight,
        transaction_ids=wanted.transaction_ids,
    )
