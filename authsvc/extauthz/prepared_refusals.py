"""Refusals that are ready: told again without building what was built before.

What callers can rely on:

1. A refusal is the very bytes that the whole way would lead to.
2. What a request says goes into nothing that is kept: a refusal is prepared of what applies, of the
   reason and of lengths alone, and holds places for what each request has anew.
3. Memory is bounded.
"""

import re
from typing import Final

from authsvc.annotation import NOTHING, Annotation
from authsvc.answer import answer
from authsvc.authenticator import Authenticator
from authsvc.cache import BoundedMap
from authsvc.decision import Deny, DenyReason
from authsvc.extauthz.request_wire import Terms
from authsvc.extauthz.response_wire import encode
from authsvc.extauthz.wishes import GRPC, Wishes, wish_of
from authsvc.preparation import Recipe
from authsvc.request import Request

CAPACITY: Final = 2048  # refusals, of about a kilobyte each

_TRANSACTION_ID_SIZE: Final = 36

# What stands in each place while a refusal is prepared. It is done twice, and where the results
# differ is a place: the bits that differ, of all bytes there, say of what.
_NOTHING_YET: Final = "000"
_MARKS: Final = "123"
_MARKED: Final = re.compile(rb"\x01+|\x02+|\x03+")
_PLACES: Final = (b"%(request_id)b", b"%(host)b", b"%(transaction_id)b")

_Sizes = tuple[int, int]  # of the request's id and of the host
_Place = tuple[Terms, DenyReason, str, _Sizes]  # the third: how the refusal is told


class PreparedRefusals:
    """The refusals of one process, under the policies of one moment."""

    def __init__(self, authenticator: Authenticator, *, capacity: int = CAPACITY) -> None:
        """Prepare nothing yet."""
        self._authenticator = authenticator
        # Formats as of `bytes % mapping`: the quickest way to copy into several places.
        self._formats: BoundedMap[_Place, bytes] = BoundedMap(capacity)
        self._wishes: dict[frozenset[bytes], Wishes] = {}  # as many as configurations at most

    def find(
        self, payload: bytes, headers_at: int, host: bytes, terms: Terms, reason: DenyReason
    ) -> bytes | None:
        """Return the CheckResponse that refuses a request, if it is ready.

        Args:
            payload: The CheckRequest, as ``RequestWire`` has read it.
            headers_at: Where its headers begin.
            host: The host that is asked.
            terms: What applies.
            reason: Why it is refused.
        """
        recipe = terms.recipe
        wish = None if recipe is None else self._wishes_under(recipe).read(payload, headers_at)
        if recipe is None or wish is None:
            return None
        form, request_id = wish
        known = self._formats.get((terms, reason, form, (len(request_id), len(host))))
        if known is None:
            return None
        transaction_id = b""
        if recipe.transaction_ids:
            transaction_id = self._authenticator.annotator.new_transaction_id().encode()
        return known % {
            b"request_id": request_id,
            b"host": host,
            b"transaction_id": transaction_id,
        }

    def prepare(self, request: Request, terms: Terms, reason: DenyReason) -> None:
        """Make a refusal ready for all requests that are to have the same, unless it is."""
        wish = wish_of(request)
        if wish is None or terms.recipe is None:
            return
        form, request_id = wish
        sizes = (len(request_id), len((request.authority or "").encode()))
        place = (terms, reason, form, sizes)
        if self._formats.get(place) is None:
            self._formats.put(place, _format(place, terms.recipe))

    def forget(self) -> None:
        """Begin anew: the policies are others now."""
        self._formats.clear()
        self._wishes.clear()

    def _wishes_under(self, recipe: Recipe) -> Wishes:
        wishes = self._wishes.get(recipe.tokens)
        if wishes is None:
            wishes = self._wishes[recipe.tokens] = Wishes(recipe.tokens)
        return wishes


def _format(place: _Place, recipe: Recipe) -> bytes:
    """Return a refusal with places in it."""
    sizes = (*place[-1], _TRANSACTION_ID_SIZE)
    plain, marked = _render(place, recipe, _NOTHING_YET), _render(place, recipe, _MARKS)
    differences = (int.from_bytes(plain) ^ int.from_bytes(marked)).to_bytes(len(plain))
    parts, done = [], 0
    for found in _MARKED.finditer(differences):
        start, end = found.span()
        which = differences[start] - 1
        parts.append(plain[done:start].replace(b"%", b"%%"))
        parts.append(_PLACES[which] * ((end - start) // sizes[which]))
        done = end
    parts.append(plain[done:].replace(b"%", b"%%"))
    return b"".join(parts)


def _render(place: _Place, recipe: Recipe, filling: str) -> bytes:
    """Return a refusal with as many of these characters as id, host and transaction id have."""
    terms, reason, form, sizes = place
    wanted = ("content-type", b"application/grpc") if form == GRPC else ("accept", form.encode())
    request = Request(
        method="GET",
        path="/",
        headers=(wanted, ("x-request-id", (filling[0] * sizes[0]).encode())),
        authority=filling[1] * sizes[1] or None,
        route=terms.route,
        service=terms.service,
    )
    annotation = NOTHING
    if recipe.transaction_ids:
        annotation = Annotation(transaction_id=filling[2] * _TRANSACTION_ID_SIZE)
    return encode(answer(Deny(reason, recipe.policy), request, annotation))
