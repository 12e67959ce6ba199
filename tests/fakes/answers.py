"""The whole way to an answer, without a store."""

from authsvc.answer import Answer, answer_to
from authsvc.authenticator import Authenticator
from authsvc.request import Request


def check_now(request: Request, authenticator: Authenticator) -> Answer | None:
    """Return what ``authsvc.answer.check`` returns, or None if that takes the store."""
    decision = authenticator.decide_now(request)
    return None if decision is None else answer_to(decision, request, authenticator)
