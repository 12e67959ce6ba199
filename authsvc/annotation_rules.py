"""What whoever watches traffic wants to be told about requests, beside who calls.

The rules come from a configuration that authsvc does not know; the composition root translates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from authsvc.request import Request

IdField = Literal["tags", "metadata", "custom_id", "username", "id"]


@dataclass(frozen=True, slots=True)
class IdSource:
    """Where an id of a user or a company stands.

    Attributes:
        field: Of the consumer; ``metadata`` is that of the key.
        name: What a tag begins with, the id follows; or which member of the metadata it is.
            Without meaning for the other fields.
    """

    field: IdField
    name: str = ""


ReadToken = Callable[[Request, bool], tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class AnnotationRules:
    """What to tell of the requests of one scope; by default nothing.

    Attributes:
        transaction_ids: Every request has an id, which the upstream and the client hear as well.
        user_id_from: Where a user's id stands, in order.
        company_id_from: Where a company's id stands, in order.
        read_token: Returns the user and the company that a token in the request names, unverified;
            told whether the consumer is known already. None: tokens are not read.
        token_headers: The names of the headers that have tokens, in lower case: where none of them
            is there, no token names anything.
        tokens_of_known: Whether it may name something where the consumer is known.
    """

    transaction_ids: bool = False
    user_id_from: tuple[IdSource, ...] = ()
    company_id_from: tuple[IdSource, ...] = ()
    read_token: ReadToken | None = None
    token_headers: tuple[str, ...] = ()
    tokens_of_known: bool = False


NOTHING_WANTED = AnnotationRules()
