"""Answers that are ready: Check without building what was built before.

What callers can rely on: an answer is the very bytes that ``encode(check_now(decode(payload)))``
would be, a new transaction id apart, or None. It holds for the identity and the policy that it was
made for, as they are in memory now: what the change log revokes is not answered any more.
"""

from dataclasses import dataclass
from typing import Final

from authsvc.answer import Allowed, check_now
from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import BoundedMap
from authsvc.decision import Identity
from authsvc.extauthz.codec import encode, names_of, request_of
from authsvc.extauthz.pb.extauthz_pb2 import AttributeContext
from authsvc.governance import may_govern
from authsvc.metrics import AuthMetrics
from authsvc.policy import Policy, PolicyBook
from authsvc.preparation import Recipe, recipe_for
from authsvc.query import mentions
from authsvc.transaction_id import TRANSACTION_ID

CAPACITY: Final = 16_384  # answers, of about a kilobyte each
_BLANKS: Final = b" \t"  # around a value; see authsvc.locations

_MOST_RECIPES: Final = 10_000

_Names = tuple[str | None, str | None]  # route, service
_Place = tuple[str, str, str | None, str | None]  # credential, host, route, service


class PreparedAnswers:
    """The answers of one process."""

    def __init__(
        self, authenticator: Authenticator, *, metrics: AuthMetrics, capacity: int = CAPACITY
    ) -> None:
        self._authenticator = authenticator
        self._metrics = metrics
        self._answers: BoundedMap[_Place, _Answer] = BoundedMap(capacity)
        self._book: PolicyBook | None = None
        self._recipes: dict[_Names, Recipe | None] = {}

    def find(self, attributes: AttributeContext) -> bytes | None:
        """Return the answer to a CheckRequest that allows it, if it can be prepared.

        Raises:
            CodecError: It asks about no HTTP request for one host.
        """
        http = attributes.request.http
        names = names_of(attributes)
        recipe = self._recipe(names)
        key = _only_key(http, recipe) if recipe else None
        if recipe is None or key is None or may_govern(self._authenticator.governance, *names):
            return None
        identity = self._authenticator.peek(key)
        if identity is None or identity.credential_id is None:
            return None
        place = (identity.credential_id, http.host, *names)
        known = self._answers.get(place)
        if known is None or known.identity is not identity or known.policy is not recipe.policy:
            known = self._prepare(attributes, identity, recipe)
            if known is None:
                return None
            self._answers.put(place, known)
        else:
            self._metrics.looked_up("hit")  # the whole way, by which others go, counts its own
        if len(known.parts) == 1:
            return known.parts[0]
        return self._authenticator.annotator.new_transaction_id().encode().join(known.parts)

    def _recipe(self, names: _Names) -> Recipe | None:
        book = self._authenticator.policies
        if book is not self._book or len(self._recipes) > _MOST_RECIPES:
            self._recipes.clear()
            self._book = book
        if names not in self._recipes:
            self._recipes[names] = recipe_for(book, *names)
        return self._recipes[names]

    def _prepare(
        self, attributes: AttributeContext, identity: Identity, recipe: Recipe
    ) -> "_Answer | None":
        decided = check_now(request_of(attributes), self._authenticator)
        if not isinstance(decided, Allowed) or decided.path is not None:
            return None
        transaction_id = decided.metadata.get("transaction_id")
        parts = [encode(decided)]
        if recipe.transaction_ids and isinstance(transaction_id, str):
            parts = parts[0].split(transaction_id.encode())
        return _Answer(identity, recipe.policy, parts)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, and what it was made for; between its parts stands the transaction id."""

    identity: Identity
    policy: Policy
    parts: list[bytes]


def _only_key(http: AttributeContext.HttpRequest, recipe: Recipe) -> ApiKey | None:
    """Return the key of a request that says nothing else of its answer."""
    found = [header for header in http.header_map.headers if header.key.lower() in recipe.telling]
    if len(found) != 1 or found[0].key.lower() == TRANSACTION_ID:
        return None
    if "," in http.host or not http.method:
        return None
    if http.method == "OPTIONS" and not recipe.preflight:
        return None
    if recipe.hidden and "?" in http.path and mentions(http.path, recipe.hidden):
        return None
    value = (found[0].raw_value or found[0].value.encode()).strip(_BLANKS)
    return ApiKey(value) if value else None
