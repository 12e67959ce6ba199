"""A body in the form that Moesif asks for, with everything masked that must be.

JSON that says so goes as JSON; everything else as base64 of the text or the bytes.

What callers can rely on, strongest first:

1. What cannot be looked into is left out, if a name that is not to be shown may be in it: broken
   JSON with a password in it, a packing that is not known.
2. Masks work in JSON, forms, multipart and XML at any depth, and in all other text line by line,
   as in GraphQL; gzip, deflate and brotli are opened before.
3. A body is never cut.
4. Nothing is raised: a body that nobody thought of costs itself, and not its event.
"""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from analytics.bodies.captured import Bodies, CapturedBody
from analytics.bodies.form_masking import masked_form
from analytics.bodies.json_masking import masked_json
from analytics.bodies.metrics import BodyMetrics, BodyOutcome
from analytics.bodies.multipart_masking import masked_multipart
from analytics.bodies.opening import (
    MAX_OPENED,
    TooLargeError,
    UnopenableError,
    to_utf8,
    unpack,
)
from analytics.bodies.secrecy import Secrecy
from analytics.bodies.xml_masking import masked_xml
from analytics.config import MoesifConfig
from analytics.masking import CredentialNames, Masking
from analytics.record import AccessRecord

Members = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"
_GZIP = frozenset({"gzip", "x-gzip"})
_CONTAINERS = (b"{", b"[")
_JSON_BY_LINE = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq"}
)


_log = structlog.get_logger(__name__)


class _WithheldError(Exception):
    """A body cannot be shown, because it cannot be masked."""


class BodyRenderer:
    """Shows bodies as one configuration says."""

    def __init__(
        self,
        config: MoesifConfig,
        credentials: CredentialNames,
        masking: Masking,
        metrics: BodyMetrics,
    ) -> None:
        self._metrics = metrics
        self._request = _Side(
            is_wanted=not config.disable_capture_request_body,
            limit=config.request_max_body_size_limit,
            secrecy=Secrecy(
                removed=config.request_body_masks or config.request_masks,
                credentials=credentials,
                masking=masking,
            ),
            keeps_gzip=config.disable_gzip_payload_decompression,
        )
        self._response = _Side(
            is_wanted=not config.disable_capture_response_body,
            limit=config.response_max_body_size_limit,
            secrecy=Secrecy(
                removed=config.response_body_masks or config.response_masks,
                credentials=credentials,
                masking=masking,
            ),
            keeps_gzip=config.disable_gzip_payload_decompression,
        )

    def wants(self, record: AccessRecord) -> bool:
        """Tell whether bodies of a request are to be shown, if there are any."""
        return self._request.wants(record.request_body_size) or (
            record.status is not None and self._response.wants(record.response_body_size)
        )

    def request(self, bodies: Bodies) -> Members:
        """Return ``body`` and ``transfer_encoding`` of a request, or nothing."""
        return self._members(bodies.request, self._request)

    def response(self, bodies: Bodies) -> Members:
        """Return ``body`` and ``transfer_encoding`` of a response, or nothing."""
        return self._members(bodies.response, self._response)

    def _members(self, body: CapturedBody | None, side: "_Side") -> Members:
        if body is None or not body.data or not side.is_wanted:
            return {}
        try:
            members = side.members(body)
        except TooLargeError:
            outcome = BodyOutcome.TOO_LARGE
        except (_WithheldError, UnopenableError):
            outcome = BodyOutcome.WITHHELD
        except Exception as error:  # noqa: BLE001 - strangers choose what is in a body
            # The text of the error, or its traceback, may show what that is.
            _log.error("a body could not be masked", error=type(error).__name__)
            outcome = BodyOutcome.WITHHELD
        else:
            self._metrics.bodies(BodyOutcome.SHOWN, 1)
            return members
        self._metrics.bodies(outcome, 1)
        return {}


class _Side:
    """What a configuration says about the bodies of requests, or of responses."""

    def __init__(self, *, is_wanted: bool, limit: int, secrecy: Secrecy, keeps_gzip: bool) -> None:
        self.is_wanted = is_wanted and limit > 0
        self._limit = limit
        self._secrecy = secrecy
        self._keeps_gzip = keeps_gzip

    def wants(self, size: int) -> bool:
        return self.is_wanted and size <= self._limit

    def members(self, body: CapturedBody) -> Members:
        if len(body.data) > self._limit:
            raise TooLargeError
        opened = unpack(body.data, body.content_encoding)
        shown, is_understood = self._masked(opened, body.content_type)
        if self._keeps_gzip and body.content_encoding.strip().lower() in _GZIP:
            if shown != opened:
                raise _WithheldError
            return _in_base64(body.data)
        is_json = _is_json(_media_type(body.content_type))
        if is_json and is_understood and shown.startswith(_CONTAINERS):
            # As it is: a number of any length keeps its digits.  But an event is one line, by which
            # batches and live events are taken apart; in JSON a line break is never part of a text.
            on_one_line = shown.translate(None, b"\r\n")
            return {"body": msgspec.Raw(on_one_line), "transfer_encoding": "json"}
        return _in_base64(shown)

    def _masked(self, data: bytes, content_type: str) -> tuple[bytes, bool]:
        """Return a body as it may be shown, and whether it is what it says it is.

        Text in a wide charset comes back in UTF-8.
        """
        kind = _media_type(content_type)
        is_json = _is_json(kind)
        if is_json or kind == _FORM or kind.startswith("text/") or kind.endswith("xml"):
            data = to_utf8(data, _charset(content_type), guess=is_json)
        try:
            return self._structured(data, kind, content_type), True
        except ValueError:
            if self._secrecy.may_concern(data.decode("utf-8", "replace")):
                raise _WithheldError from None
            return data, False

    def _structured(self, data: bytes, kind: str, content_type: str) -> bytes:
        if _is_json(kind) or (not kind and data.lstrip().startswith(_CONTAINERS)):
            return masked_json(data.strip(), self._secrecy)
        if kind == _FORM:
            return _on_text(data, lambda text: masked_form(text, self._secrecy))
        if kind.startswith("multipart/"):
            return _on_text(
                data, lambda text: masked_multipart(text, content_type, self._secrecy, self._part)
            )
        if kind.endswith("xml"):
            return self._plain(masked_xml(data, self._secrecy))
        return self._plain(data)

    def _part(self, content: str, content_type: str) -> str:
        if _media_type(content_type).startswith("multipart/"):
            return self._secrecy.text(content)  # one level is enough
        return _on_bytes(content, lambda data: self._masked(data, content_type)[0])

    def _plain(self, data: bytes) -> bytes:
        return _on_text(data, self._text)

    def _text(self, text: str) -> str:
        return self._secrecy.text(text) if self._secrecy.may_concern(text) else text


def _on_text(data: bytes, change: Callable[[str], str]) -> bytes:
    # Bytes that are no text come out as they went in.
    return change(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _on_bytes(text: str, change: Callable[[bytes], bytes]) -> str:
    return change(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _in_base64(data: bytes) -> Members:
    encoded = base64.b64encode(data).decode()
    if len(encoded) > MAX_OPENED:
        raise TooLargeError
    return {"body": encoded, "transfer_encoding": "base64"}


def _is_json(kind: str) -> bool:
    return "json" in kind and kind not in _JSON_BY_LINE


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return ""
