"""Answers that are ready: Check without building what was built before.

What callers can rely on: an answer is the very bytes that the whole way would lead to, a new
transaction id apart, or None. It holds for the identity and the policy that it was made for, as
they are in memory now: what the change log revokes is not answered any more.
"""

from enum import Enum
from typing import Final

from authsvc.answer import Allowed, Answer
from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import BoundedMap
from authsvc.decision import Allow, Decision, Identity
from authsvc.extauthz.codec import are_peers, names_in
from authsvc.extauthz.request_wire import RequestWire, Terms
from authsvc.governance import may_govern
from authsvc.policy import PolicyBook
from authsvc.preparation import is_plain, key_in, key_of, recipe_for
from authsvc.request import Request

CAPACITY: Final = 16_384  # answers, of about a kilobyte each

_MOST_TERMS: Final = 10_000

_Names = tuple[str | None, str | None]  # route, service
_Place = tuple[str, bytes, Terms]  # credential, host, what applies


class Unready(Enum):
    """Why no answer to a request is ready; false, as what is not there."""

    UNREAD = "not as Envoy usually writes it: to be read by other means, for find_for"
    STRANGER = "nobody in memory may use its key"
    OTHER = "its answer depends on more, or was not given yet"

    def __bool__(self) -> bool:
        return False


class PreparedAnswers:
    """The answers of one process."""

    def __init__(self, authenticator: Authenticator, *, capacity: int = CAPACITY) -> None:
        """Prepare nothing yet."""
        self._authenticator = authenticator
        self._answers: BoundedMap[_Place, _Answer] = BoundedMap(capacity)
        self._book: PolicyBook | None = None
        self._terms: dict[_Names, Terms] = {}
        self._wire = RequestWire(terms_of=self._terms_named_by, are_peers=are_peers)

    def find(self, payload: bytes) -> bytes | Unready:
        """Return the answer to a CheckRequest that allows it, or why none is ready."""
        if self._authenticator.policies is not self._book:
            self._turn_over()
        asked = self._wire.read(payload)
        if asked is None:
            return Unready.UNREAD
        terms, method, path, host, value = asked
        recipe = terms.recipe
        key = key_in(value)
        if recipe is None or key is None or not is_plain(method, path, recipe):
            return Unready.OTHER
        return self._find(terms, host, key)

    def find_for(self, request: Request) -> bytes | None:
        """Return the answer to a request that allows it, if it is ready."""
        if self._authenticator.policies is not self._book:
            self._turn_over()
        terms = self._terms_of(request.route, request.service)
        key = key_of(request, terms.recipe) if terms.recipe is not None else None
        found = self._find(terms, _host(request), key) if key is not None else None
        return found if isinstance(found, bytes) else None

    def offer(self, request: Request, decision: Decision, answer: Answer, reply: bytes) -> None:
        """Keep an answer that was just given, if all that says the same may have it again.

        Args:
            request: What was asked.
            decision: What was decided about it.
            answer: What that means.
            reply: The same as bytes.
        """
        if not isinstance(decision, Allow) or not isinstance(answer, Allowed):
            return
        identity = decision.identity
        if identity is None or identity.credential_id is None or answer.path is not None:
            return
        if self._authenticator.policies is not self._book:
            self._turn_over()
        terms = self._terms_of(request.route, request.service)
        recipe = terms.recipe
        if recipe is None or recipe.policy != decision.policy:
            return  # it changed while the store was asked
        if key_of(request, recipe) is None or self._may_govern(terms):
            return
        transaction_id = answer.metadata.get("transaction_id")
        parts = [reply]
        if recipe.transaction_ids and isinstance(transaction_id, str):
            parts = reply.split(transaction_id.encode())
        place = (identity.credential_id, _host(request), terms)
        self._answers.put(place, _Answer(identity, parts))

    def _find(self, terms: Terms, host: bytes, key: bytes) -> bytes | Unready:
        identity = self._authenticator.peek(ApiKey(key))
        if identity is None:
            return Unready.STRANGER
        if identity.credential_id is None:
            return Unready.OTHER
        known = self._answers.get((identity.credential_id, host, terms))
        if known is None or known.identity is not identity or self._may_govern(terms):
            return Unready.OTHER
        if len(known.parts) == 1:
            return known.parts[0]
        return self._authenticator.annotator.new_transaction_id().encode().join(known.parts)

    def _may_govern(self, terms: Terms) -> bool:
        governance = self._authenticator.governance
        return governance is not None and may_govern(governance, terms.route, terms.service)

    def _turn_over(self) -> None:
        """Begin anew: the policies are others now."""
        self._book = self._authenticator.policies
        self._terms.clear()
        self._answers.clear()
        self._wire.forget_terms()

    def _terms_of(self, route: str | None, service: str | None) -> Terms:
        names = (route, service)
        terms = self._terms.get(names)
        if terms is None:
            if len(self._terms) >= _MOST_TERMS:
                self._turn_over()
            recipe = recipe_for(self._authenticator.policies, route, service)
            terms = self._terms[names] = Terms(route, service, recipe)
        return terms

    def _terms_named_by(self, part: bytes) -> Terms | None:
        names = names_in(part)
        return None if names is None else self._terms_of(*names)


class _Answer:
    """An answer, and who it was made for; between its parts stands the transaction id."""

    __slots__ = ("identity", "parts")

    def __init__(self, identity: Identity, parts: list[bytes]) -> None:
        self.identity = identity
        self.parts = parts


def _host(request: Request) -> bytes:
    return (request.authority or "").encode()
