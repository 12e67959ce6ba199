"""Check, in bytes: what every gRPC server of ours answers, whatever carries it.

A failed rpc makes Envoy apply ``failure_mode_allow``, which may be open; a well-formed denial
never is.  So nothing that happens to one request may end its rpc.
"""

import time
from collections.abc import Awaitable
from functools import partial
from typing import Final

import structlog

from authsvc.answer import Answer, answer, answer_to
from authsvc.authenticator import Authenticator
from authsvc.check_tally import CheckTally
from authsvc.decision import AllowReason, Decision, Deny, DenyReason
from authsvc.extauthz.codec import CodecError, decode
from authsvc.extauthz.prepared import PreparedAnswers, Refusal, Unready
from authsvc.extauthz.response_wire import encode
from authsvc.extauthz.turns import Postponed, Turns
from authsvc.metrics import AuthMetrics, Lookup
from authsvc.request import Request

SERVICE: Final = "envoy.service.auth.v3.Authorization"
MAX_MESSAGE_LENGTH: Final = 4 * 1024 * 1024  # bytes; Envoy's default buffer fits four times

# In one turn of the event loop: who is let through is not to wait for a flood. A stranger takes as
# long as five to ten answers that are ready, a refusal that is ready as two. They wait apart, so
# that a flood keeps nobody waiting whose key was only forgotten.
_STRANGERS_AT_ONCE: Final = 8
_REFUSALS_AT_ONCE: Final = 1
_OF_STRANGERS: Final = (Unready.MISSING, Unready.STRANGER)

_log = structlog.get_logger(__name__)
_INTERNAL_ERROR = answer(Deny(DenyReason.INTERNAL_ERROR), None)
_INTERNAL_ERROR_BYTES = encode(_INTERNAL_ERROR)
_BAD_REQUEST = answer(Deny(DenyReason.BAD_REQUEST), None)
_BAD_REQUEST_BYTES = encode(_BAD_REQUEST)


class Checks:
    """Answers Check; never raises."""

    def __init__(self, *, authenticator: Authenticator, metrics: AuthMetrics) -> None:
        self._authenticator = authenticator
        self._metrics = metrics
        self._prepared = PreparedAnswers(authenticator)
        self._strangers = Turns(_STRANGERS_AT_ONCE)
        self._refused = Turns(_REFUSALS_AT_ONCE)
        self._hits = metrics.tally(
            result="allow", reason=AllowReason.KEY.value, transport="grpc", lookup="hit"
        )
        self._refusals: dict[tuple[DenyReason, Lookup | None], CheckTally] = {}

    async def check(self, payload: bytes) -> bytes:
        """Return the CheckResponse to a CheckRequest, whatever happens; nothing is prepared."""
        return await self._ask(payload, time.perf_counter(), is_kept=False)

    def answer(self, payload: bytes) -> bytes | Awaitable[bytes]:
        """Return what ``check`` returns, or what to await for it.

        That is so where it takes the store, and where many ask at once with keys that are refused
        or not in memory: who is let through goes first.
        """
        return self._answer(payload, time.perf_counter(), may_wait=True)

    def _answer(
        self, payload: bytes, started: float, *, may_wait: bool
    ) -> bytes | Awaitable[bytes]:
        try:
            ready = self._prepared.find(payload)
            if isinstance(ready, bytes):
                self._hits.add(time.perf_counter() - started)
                return ready
            if isinstance(ready, Refusal):
                if may_wait and not self._refused.take():
                    counted = partial(self._count_refusal, ready, started)
                    return Postponed(self._refused, ready.reply, given=counted)
                self._count_refusal(ready, started)
                return ready.reply
            if ready in _OF_STRANGERS and may_wait and not self._strangers.take():
                return self._wait(payload, started)
            return self._work_out(payload, ready, started)
        except Exception as error:  # noqa: BLE001 - the one boundary: a denial, never a failed rpc
            decided, reply = _fault(error)
        self._count(decided, started)
        return reply

    def _work_out(self, payload: bytes, why: Unready, started: float) -> bytes | Awaitable[bytes]:
        """Return the CheckResponse that was not found ready, or what to await for it."""
        if why is Unready.MISSING:
            return self._ask(payload, started, is_kept=True)
        request = decode(payload)
        ready = self._prepared.find_for(request) if why is Unready.UNREAD else None
        if ready is not None:
            self._hits.add(time.perf_counter() - started)
            return ready
        decision = self._authenticator.decide_now(request)
        if decision is None:
            return self._ask(payload, started, is_kept=True)
        decided, reply = self._settle(request, decision, is_kept=True)
        self._count(decided, started)
        return reply

    async def _wait(self, payload: bytes, started: float) -> bytes:
        """Return the CheckResponse when it is its turn, as if it were asked for only then."""
        await self._strangers.wait()
        answer = self._answer(payload, started, may_wait=False)
        return answer if isinstance(answer, bytes) else await answer

    async def _ask(self, payload: bytes, started: float, *, is_kept: bool) -> bytes:
        """Return the CheckResponse, with what the store says if that is needed."""
        try:
            request = decode(payload)
            decision = await self._authenticator.decide(request)
            decided, reply = self._settle(request, decision, is_kept=is_kept)
        except Exception as error:  # noqa: BLE001 - the one boundary: a denial, never a failed rpc
            decided, reply = _fault(error)
        self._count(decided, started)
        return reply

    def _settle(
        self, request: Request, decision: Decision, *, is_kept: bool
    ) -> tuple[Answer, bytes]:
        """Return the answer that a decision leads to, also as bytes; keep it if that is wanted."""
        decided = answer_to(decision, request, self._authenticator)
        reply = encode(decided)
        if is_kept:
            self._prepared.offer(request, decision, decided, reply)
        return decided, reply

    def _count_refusal(self, refusal: Refusal, started: float) -> None:
        outcome = (refusal.reason, refusal.lookup)
        tally = self._refusals.get(outcome)
        if tally is None:
            tally = self._refusals[outcome] = self._metrics.tally(
                result="deny", reason=refusal.reason, transport="grpc", lookup=refusal.lookup
            )
        tally.add(time.perf_counter() - started)

    def _count(self, decided: Answer, started: float) -> None:
        self._metrics.checked(
            result=decided.kind,
            reason=str(decided.metadata["reason"]),
            transport="grpc",
            seconds=time.perf_counter() - started,
        )


def _fault(error: Exception) -> tuple[Answer, bytes]:
    """Return the denial of what could not be answered."""
    if isinstance(error, CodecError):
        return _BAD_REQUEST, _BAD_REQUEST_BYTES
    _log.error("check failed", exc_info=error)
    return _INTERNAL_ERROR, _INTERNAL_ERROR_BYTES
