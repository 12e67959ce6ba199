"""Check, in bytes: what every gRPC server of ours answers, whatever carries it.

A failed rpc makes Envoy apply ``failure_mode_allow``, which may be open; a well-formed denial
never is.  So nothing that happens to one request may end its rpc.
"""

import time

import structlog

from authsvc.answer import Answer, answer, check, check_now
from authsvc.authenticator import Authenticator
from authsvc.decision import AllowReason, Deny, DenyReason
from authsvc.extauthz.codec import CodecError, decode, encode, parse, request_of
from authsvc.extauthz.prepared import PreparedAnswers
from authsvc.metrics import AuthMetrics

SERVICE = "envoy.service.auth.v3.Authorization"
MAX_MESSAGE_LENGTH = 4 * 1024 * 1024  # bytes; a body of Envoy's default buffer fits four times

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
        self._prepared = PreparedAnswers(authenticator, metrics=metrics)

    async def check(self, payload: bytes) -> bytes:
        """Return the CheckResponse to a CheckRequest, whatever happens."""
        started = time.perf_counter()
        try:
            decided = await check(decode(payload), self._authenticator)
            reply = encode(decided)
        except CodecError:
            decided, reply = _BAD_REQUEST, _BAD_REQUEST_BYTES
        except Exception:  # noqa: BLE001 - the one boundary: a denial, never a failed rpc
            decided, reply = self._failed()
        self._count(decided, started)
        return reply

    def check_now(self, payload: bytes) -> bytes | None:
        """Return what ``check`` returns, or None if that takes the store."""
        started = time.perf_counter()
        try:
            attributes = parse(payload)
            prepared = self._prepared.find(attributes)
            if prepared is not None:
                self._metrics.checked(
                    result="allow",
                    reason=AllowReason.KEY.value,
                    transport="grpc",
                    seconds=time.perf_counter() - started,
                )
                return prepared
            decided = check_now(request_of(attributes), self._authenticator)
            if decided is None:
                return None
            reply = encode(decided)
        except CodecError:
            decided, reply = _BAD_REQUEST, _BAD_REQUEST_BYTES
        except Exception:  # noqa: BLE001 - the one boundary: a denial, never a failed rpc
            decided, reply = self._failed()
        self._count(decided, started)
        return reply

    def _failed(self) -> tuple[Answer, bytes]:
        _log.exception("check failed")
        return _INTERNAL_ERROR, _INTERNAL_ERROR_BYTES

    def _count(self, decided: Answer, started: float) -> None:
        self._metrics.checked(
            result=decided.kind,
            reason=str(decided.metadata["reason"]),
            transport="grpc",
            seconds=time.perf_counter() - started,
        )
