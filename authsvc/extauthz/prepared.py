"""Answers that are ready: Check without building what was built before.

What callers can rely on: an answer is the very bytes that the whole way would lead to, new ids of
the request and the transaction apart, or None. It holds for the identity and the policy that it
was made for, as they are in memory now: what the change log revokes is not answered any more.
"""

from enum import Enum
from typing import Final

from authsvc.answer import Allowed, Answer
from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import Held, SecondChances
from authsvc.decision import Allow, Decision, Deny, DenyReason
from authsvc.extauthz.codec import are_peers, names_in
from authsvc.extauthz.prepared_refusals import PreparedRefusals
from authsvc.extauthz.request_wire import RequestWire, Terms
from authsvc.governance import may_govern
from authsvc.metrics import Lookup
from authsvc.policy import PREFIXED, PolicyBook
from authsvc.prefixed_key import cannot_be_valid
from authsvc.preparation import Recipe, is_plain, is_without, key_in, key_of, recipe_for
from authsvc.request import Request
from authsvc.resolver import NotInMemoryError

CAPACITY: Final = 32_768  # answers, of about 600 bytes each, beside what they share

_MOST_TERMS: Final = 10_000
_MOST_SHARED: Final = 1024
_FEWEST_PARTS: Final = 3

# As what the look-up counts that a refusal comes of.
_LOOKUPS: Final[dict[DenyReason, Lookup | None]] = {
    DenyReason.UNKNOWN_KEY: "known_unknown",
    DenyReason.EXPIRED_KEY: "hit",
    DenyReason.DISABLED_KEY: "hit",
    DenyReason.MISSING_KEY: None,
}

_Names = tuple[str | None, str | None]  # route, service


class Unready(Enum):
    """Why no answer to a request is ready; false, as what is not there."""

    UNREAD = "not as Envoy usually writes it: to be read by other means, for find_for"
    MISSING = "memory does not tell whose its key is"
    STRANGER = "it is refused, and how that is told is not ready"
    OTHER = "its answer depends on more, or was not given yet"

    def __bool__(self) -> bool:
        return False


class Refusal:
    """A CheckResponse that refuses a key.

    Attributes:
        reply: The response.
        reason: Why.
        lookup: As what a look-up of the key counts; None: there was none.
    """

    __slots__ = ("lookup", "reason", "reply")

    def __init__(self, reply: bytes, reason: DenyReason, lookup: Lookup | None) -> None:
        self.reply = reply
        self.reason = reason
        self.lookup = lookup


class PreparedAnswers:
    """The answers of one process."""

    def __init__(self, authenticator: Authenticator, *, capacity: int = CAPACITY) -> None:
        """Prepare nothing yet."""
        self._authenticator = authenticator
        #: By the tag of key and host, of the terms that apply.
        self._answers: SecondChances[bytes, _Answer] = SecondChances(capacity)
        self._shared: dict[bytes, bytes] = {}  # each once, however many answers have it
        self._refusals = PreparedRefusals(authenticator)
        self._book: PolicyBook | None = None
        self._terms: dict[_Names, Terms] = {}
        self._wire = RequestWire(terms_of=self._terms_named_by, are_peers=are_peers)

    def find(self, payload: bytes) -> bytes | Refusal | Unready:
        """Return the answer to a CheckRequest: what allows it, a refusal, or why none is ready."""
        if self._authenticator.policies is not self._book:
            self._turn_over()
        asked = self._wire.read(payload)
        if asked is None:
            return Unready.UNREAD
        terms, method, path, host, value, headers_at = asked
        recipe = terms.recipe
        key = key_in(value)
        if recipe is None or not is_plain(method, path, recipe):
            return Unready.OTHER
        if key is None:
            # Blanks are a key that is missing, whatever comes after them.
            is_missing = not value and is_without(path, recipe.asked)
            if not recipe.keyless or not is_missing:
                return Unready.OTHER
            return self._refuse(payload, headers_at, host, terms, b"", DenyReason.MISSING_KEY)
        found = self._ready(terms, host, key) or self._look_up(terms, key)
        if not isinstance(found, DenyReason):
            return found
        return self._refuse(payload, headers_at, host, terms, key, found)

    def find_for(self, request: Request) -> bytes | None:
        """Return the answer to a request that allows it, if it is ready."""
        if self._authenticator.policies is not self._book:
            self._turn_over()
        terms = self._terms_of(request.route, request.service)
        key = key_of(request, terms.recipe) if terms.recipe is not None else None
        return self._ready(terms, _host(request), key) if key is not None else None

    def offer(self, request: Request, decision: Decision, answer: Answer, reply: bytes) -> None:
        """Keep an answer that was just given, if all who ask the same may have it again.

        Args:
            request: What was asked.
            decision: What was decided about it.
            answer: What that means.
            reply: The same as bytes.
        """
        if isinstance(decision, Deny):
            self._offer_refusal(request, decision)
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
        key = key_of(request, recipe)
        if key is None or self._may_govern(terms):
            return
        held = self._authenticator.hold(ApiKey(key))
        if held is None or held.identity is not identity:
            return
        parts = _take_apart(reply, identity.owner.consumer.id, identity.credential_id)
        if recipe.transaction_ids:
            transaction_id = answer.metadata.get("transaction_id")
            parts = reply.split(transaction_id.encode()) if isinstance(transaction_id, str) else []
            if len(parts) < _FEWEST_PARTS:
                return
        kept = _Answer(held, self._share(parts))
        self._answers.put(terms.tags.of(key, _host(request)), kept)

    def _share(self, parts: list[bytes]) -> list[bytes]:
        """Return the parts, the longest of which is kept once for all answers that have it."""
        longest = max(parts, key=len)
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        shared = self._shared.setdefault(longest, longest)
        return [shared if part is longest else part for part in parts]

    def _ready(self, terms: Terms, host: bytes, key: bytes) -> bytes | None:
        """Return the answer that allows a key, if it is ready."""
        known = self._answers.get(terms.tags.of(key, host))
        if known is None or not known.is_remembered() or self._may_govern(terms):
            return None
        identity = known.identity
        if identity.expires_at is not None and not self._authenticator.is_valid(identity):
            return None
        recipe = terms.recipe
        if recipe is None or not recipe.transaction_ids:
            return b"".join((known.before, known.middle, known.after))
        between = self._authenticator.annotator.new_transaction_id().encode()
        return between.join((known.before, known.middle, known.after, *known.rest))

    def _look_up(self, terms: Terms, key: bytes) -> DenyReason | Unready:
        """Return why a key is refused, or why that is not known, or not so."""
        try:
            identity = self._authenticator.peek(ApiKey(key))
        except NotInMemoryError:
            is_known = _is_malformed(ApiKey(key), terms.recipe)
            return DenyReason.UNKNOWN_KEY if is_known else Unready.MISSING
        return identity if isinstance(identity, DenyReason) else Unready.OTHER

    def _refuse(  # noqa: PLR0917 - what was read of the request
        self,
        payload: bytes,
        headers_at: int,
        host: bytes,
        terms: Terms,
        key: bytes,
        reason: DenyReason,
    ) -> Refusal | Unready:
        recipe = terms.recipe
        if recipe is None or not recipe.refusals:
            return Unready.STRANGER
        if host.find(b",") >= 0 or key.find(b",") >= 0:
            return Unready.STRANGER  # several hosts are no request, several keys another reason
        lookup = _LOOKUPS[reason]
        if key and _is_malformed(ApiKey(key), recipe):
            reason, lookup = DenyReason.UNKNOWN_KEY, None  # that is seen before it is looked up
        reply = self._refusals.find(payload, headers_at, host, terms, reason)
        return Unready.STRANGER if reply is None else Refusal(reply, reason, lookup)

    def _offer_refusal(self, request: Request, decision: Deny) -> None:
        if self._authenticator.policies is not self._book:
            self._turn_over()
        terms = self._terms_of(request.route, request.service)
        recipe = terms.recipe
        if recipe is None or not recipe.refusals or recipe.policy != decision.policy:
            return
        if decision.reason in _LOOKUPS:
            self._refusals.prepare(request, terms, decision.reason)

    def _may_govern(self, terms: Terms) -> bool:
        governance = self._authenticator.governance
        return governance is not None and may_govern(governance, terms.route, terms.service)

    def _turn_over(self) -> None:
        """Begin anew: the policies are others now."""
        self._book = self._authenticator.policies
        self._terms.clear()
        self._answers.clear()
        self._shared.clear()
        self._refusals.forget()
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


class _Answer(Held):
    """An answer in three parts or more, and who it was made for.

    Between the parts stands the transaction id; without one there is no ``rest``. One by one they
    take less memory than as a tuple, and there are very many answers.
    """

    __slots__ = ("after", "before", "middle", "rest")

    def __init__(self, held: Held, parts: list[bytes]) -> None:
        super().__init__(held.cache, held.digest, held.identity)
        self.before, self.middle, self.after = parts[0], parts[1], parts[2]
        self.rest = tuple(parts[3:])


def _take_apart(reply: bytes, consumer_id: str, credential_id: str) -> list[bytes]:
    """Return an answer in three parts, of which the middle is the same for many.

    In the identity headers the credential comes last, in the metadata the consumer first. Between
    is most of an answer: which headers are to be removed, and what was asked.
    """
    start = reply.find(credential_id.encode()) + len(credential_id)
    end = reply.find(consumer_id.encode(), start)
    return [reply, b"", b""] if end < 0 else [reply[:start], reply[start:end], reply[end:]]


def _is_malformed(key: ApiKey, recipe: Recipe | None) -> bool:
    """Tell whether a key is refused by its form, whoever has it."""
    if recipe is None or recipe.policy.key_auth.key_format != PREFIXED:
        return False
    return cannot_be_valid(key)


def _host(request: Request) -> bytes:
    return (request.authority or "").encode()
