"""Hides the credential in request bodies: ``envoy.service.ext_proc.v3.ExternalProcessor``.

ext_authz cannot change a body, so the few routes that look for a key in the body and hide it have
this filter behind it.  It trusts nothing of the client: which fields to hide follows from the
route and service that our own answer to the check left in the dynamic metadata.  Whatever goes
wrong ends in an immediate 500, so that a body that should be changed never passes unchanged.
"""

from collections.abc import AsyncIterator

import structlog
from google.protobuf.message import DecodeError

from authsvc.authenticator import Authenticator
from authsvc.body_hiding import begins_with, can_hold, still_holds, without_fields
from authsvc.errors import AuthServiceError
from authsvc.extauthz.pb.extproc_pb2 import (
    BodyResponse,
    CommonResponse,
    HeadersResponse,
    HeaderValueOption,
    HttpBody,
    HttpHeaders,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
EXT_AUTHZ_METADATA = "envoy.filters.http.ext_authz"
_NO_BODY = 0  # ProcessingMode.NONE: Envoy need not buffer what nobody will read
# ProcessingMode.BUFFERED.  The filter is configured with BUFFERED_PARTIAL, which lets bodies of any
# size pass, but in which Envoy drops the content-length.  What is small can keep one.
_WHOLE_BODY = 2
MAX_WHOLE_BODY = 8192  # bytes: as much as the check reads
_INTERNAL_ERROR = 500
_TOO_LARGE = 413

_log = structlog.get_logger(__name__)


class BodyHider:
    """Serves one stream for each request whose body may hold a credential."""

    def __init__(self, *, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def process(self, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield one answer for each message of a stream."""
        rewriter = _Rewriter(self._authenticator)
        async for payload in messages:
            try:
                response = rewriter.respond(ProcessingRequest.FromString(payload))
            except (AuthServiceError, DecodeError):
                _log.exception("body not rewritten")
                response = _immediate(_INTERNAL_ERROR, "An unexpected error occurred")
            yield response.SerializeToString()


class _Rewriter:
    """What is known of one request between its messages."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._content_type = ""
        self._names: frozenset[str] = frozenset()

    def respond(self, message: ProcessingRequest) -> ProcessingResponse:
        if message.HasField("request_headers"):
            self._names = self._names_to_hide(message)
            return self._respond_to_headers(message.request_headers)
        if message.HasField("request_body"):
            return self._respond_to_body(message.request_body)
        return ProcessingResponse()

    def _respond_to_headers(self, headers: HttpHeaders) -> ProcessingResponse:
        response = ProcessingResponse(request_headers=HeadersResponse())
        sent = {
            header.key: (header.raw_value or header.value.encode()).decode("utf-8", "replace")
            for header in headers.headers.headers
        }
        self._content_type = sent.get("content-type", "")
        length = sent.get("content-length", "")
        if not self._names or not can_hold(self._content_type):
            response.mode_override.request_body_mode = _NO_BODY
        elif length.isdecimal() and int(length) <= MAX_WHOLE_BODY:
            response.mode_override.request_body_mode = _WHOLE_BODY
        return response

    def _respond_to_body(self, body: HttpBody) -> ProcessingResponse:
        if not body.end_of_stream:
            # The rest passes Envoy unseen, so that the body cannot be given its new length.
            if begins_with(self._content_type, body.body, self._names):
                return _immediate(_TOO_LARGE, "Request body too large to hide its credential")
            return ProcessingResponse(request_body=BodyResponse())
        changed = without_fields(self._content_type, body.body, self._names)
        if still_holds(self._content_type, body.body if changed is None else changed, self._names):
            raise _StillThereError
        if changed is None:
            return ProcessingResponse(request_body=BodyResponse())
        return ProcessingResponse(request_body=BodyResponse(response=_replacement(changed)))

    def _names_to_hide(self, message: ProcessingRequest) -> frozenset[str]:
        fields = message.metadata_context.filter_metadata[EXT_AUTHZ_METADATA].fields
        route = fields["route"].string_value if "route" in fields else None
        service = fields["service"].string_value if "service" in fields else None
        policy = self._authenticator.policies.find(route, service)
        if policy is None:
            raise _NoPolicyError
        config = policy.key_auth
        wanted = config.hide_credentials and config.key_in_body
        return frozenset(config.key_names) if wanted else frozenset()


class _StillThereError(AuthServiceError):
    """A body still gives a key after rewriting."""


class _NoPolicyError(AuthServiceError):
    """A request that no policy allows came as far as its body."""


def _replacement(body: bytes) -> CommonResponse:
    response = CommonResponse()
    if body:
        response.body_mutation.body = body
    else:
        response.body_mutation.clear_body = True
    option = response.header_mutation.set_headers.add()
    option.append_action = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    option.header.key = "content-length"
    option.header.raw_value = str(len(body)).encode()  # ext_proc reads raw_value, ext_authz value
    return response


def _immediate(status: int, message: str) -> ProcessingResponse:
    response = ProcessingResponse(immediate_response=ImmediateResponse())
    response.immediate_response.status.code = status
    response.immediate_response.body = f'{{\n  "message":"{message}"\n}}'.encode()
    response.immediate_response.details = "tollkeeper_body_not_rewritten"
    return response
