"""Tells whoever watches traffic what it wants to know of a request, beside who calls.

An annotation decides nothing.  It travels with every answer, refusals too: these are calls that
somebody wants to see.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from authsvc.annotation_rules import NOTHING_WANTED, AnnotationRules, IdField, IdSource
from authsvc.decision import Allow, Decision, Deny, Identity
from authsvc.request import Request
from authsvc.transaction_id import TransactionIds


class Annotation(NamedTuple):
    """What to tell; None where nobody wants it, or nobody knows.

    A tuple because one is made for each request: a frozen dataclass takes four times as long.
    """

    transaction_id: str | None = None
    user_id: str | None = None
    company_id: str | None = None
    token_user_id: str | None = None  # what an unverified token says: never an identity
    token_company_id: str | None = None


NOTHING = Annotation()


class Annotator:
    """Makes annotations; never raises."""

    def __init__(self, transaction_ids: TransactionIds | None = None) -> None:
        self._transaction_ids = transaction_ids or TransactionIds()

    def new_transaction_id(self) -> str:
        """Return an id that no request has had."""
        return self._transaction_ids.new()

    def annotate(self, request: Request, decision: Decision, rules: AnnotationRules) -> Annotation:
        """Return what the rules want of a request that was decided about."""
        if rules is NOTHING_WANTED:
            return NOTHING
        identity = _known(decision)
        token: tuple[str | None, str | None] = (None, None)
        if rules.read_token is not None:
            token = rules.read_token(request, identity is not None)
        return Annotation(
            self._transaction_ids.of(request) if rules.transaction_ids else None,
            find_id(rules.user_id_from, identity) if rules.user_id_from else None,
            find_id(rules.company_id_from, identity) if rules.company_id_from else None,
            *token,
        )


def _known(decision: Decision) -> Identity | None:
    """Return who calls; the anonymous consumer stands for those whom nobody knows."""
    identity = decision.identity if isinstance(decision, Allow | Deny) else None
    return identity if identity is not None and identity.credential_id is not None else None


def find_id(sources: Iterable[IdSource], identity: Identity | None) -> str | None:
    """Return the id at the first source that has one."""
    if identity is None:
        return None
    for source in sources:
        found = _READERS[source.field](identity, source.name)
        if found:
            return found
    return None


def _tagged(identity: Identity, prefix: str) -> str | None:
    for tag in identity.owner.consumer.tags or ():
        if tag.startswith(prefix) and len(tag) > len(prefix):
            return tag.removeprefix(prefix)
    return None


def _member(identity: Identity, name: str) -> str | None:
    found = (identity.metadata or {}).get(name)
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return str(found) if is_number or isinstance(found, str) else None


_READERS: Mapping[IdField, Callable[[Identity, str], str | None]] = {
    "tags": _tagged,
    "metadata": _member,
    "custom_id": lambda identity, _name: identity.owner.consumer.custom_id,
    "username": lambda identity, _name: identity.owner.consumer.username,
    "id": lambda identity, _name: identity.owner.consumer.id,
}
