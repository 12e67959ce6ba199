"""The collector's HTTP API: events, users and companies go there, configuration and rules come."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp

from analytics.collector import Answer, DocumentKind, Fetched, Payload, Target
from analytics.errors import CollectorUnreachableError, DocumentError
from analytics.profiles import ProfileKind

_EVENTS = "/v1/events/batch"
_PROFILES = {
    ProfileKind.USERS: "/v1/users/batch",
    ProfileKind.COMPANIES: "/v1/companies/batch",
}
_DOCUMENTS = {DocumentKind.CONFIG: "/v1/config", DocumentKind.RULES: "/v1/rules"}
_OK = 200
_APPLICATION_ID = "X-Moesif-Application-Id"
_CONFIG_TAG = "X-Moesif-Config-ETag"
_RULES_TAGS = ("X-Moesif-Rules-Tag", "X-Moesif-Rules-ETag")  # Moesif's libraries know both
_MAX_TAG = 256  # characters
MAX_DOCUMENT = 16 * 1024 * 1024  # bytes: the cohorts of some 100,000 users
_DISTRIBUTION = "tollkeeper"
_MAX_ANSWER = 64 * 1024  # bytes that are read of an answer, so that its connection can be kept
_IDLE_SECONDS = 15.0  # before an unused connection is closed


class MoesifCollector:
    """Sends batches over HTTP; an async context manager that owns the connections.

    Redirects are not followed: they would carry the application id to another host.
    """

    def __init__(self) -> None:
        #: Told of the tag of its configuration that a collector answers batches with.
        self.noticed: Callable[[Target, str], None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # Each application id has one request under way; none waits for another's connection.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            headers={"User-Agent": f"{_DISTRIBUTION}/{version(_DISTRIBUTION)}"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, payload: Payload, target: Target) -> Answer:
        """Send one batch, once.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
            RuntimeError: The context was not entered.
        """
        return await self._post(_EVENTS, payload, target)

    async def upsert(self, kind: ProfileKind, payload: Payload, target: Target) -> Answer:
        """Send one batch of users or companies, once.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
            RuntimeError: The context was not entered.
        """
        return await self._post(_PROFILES[kind], payload, target)

    async def fetch(self, kind: DocumentKind, target: Target) -> Fetched:
        """Ask for a document, once.

        Raises:
            CollectorUnreachableError: There was no answer in time, or none at all.
            DocumentError: The answer is larger than any document, or in an unknown encoding.
            RuntimeError: The context was not entered.
        """
        if self._session is None:
            raise RuntimeError("enter the collector's context first")
        try:
            async with self._session.get(
                target.endpoint + _DOCUMENTS[kind],
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",  # a small answer could open to a huge one
                    _APPLICATION_ID: target.application_id.reveal(),
                },
                timeout=_timeout(target),
                allow_redirects=False,
            ) as response:
                return Fetched(
                    response.status,
                    await _document(response),
                    tag=_tag(response, _CONFIG_TAG),
                    rules_tag=_tag(response, *_RULES_TAGS),
                    retry_after=_retry_after(response),
                )
        except (aiohttp.ClientError, TimeoutError):
            raise CollectorUnreachableError from None

    async def _post(self, path: str, payload: Payload, target: Target) -> Answer:
        if self._session is None:
            raise RuntimeError("enter the collector's context first")
        answer: Answer | None = None
        try:
            async with self._session.post(
                target.endpoint + path,
                data=payload.body,
                headers=_headers(payload, target),
                timeout=_timeout(target),
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, _retry_after(response))
                tag = _tag(response, _CONFIG_TAG)
                if tag is not None and self.noticed is not None:
                    self.noticed(target, tag)
                await _read_to_the_end(response)
        except (aiohttp.ClientError, TimeoutError):
            # What follows the status cannot take it back: an accepted batch is never sent again.
            if answer is None:
                raise CollectorUnreachableError from None
        return answer


async def _document(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a good answer; of others nobody wants it."""
    if response.status != _OK:
        await _read_to_the_end(response)
        return b""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DocumentError("a document in an encoding that was not asked for")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_DOCUMENT:
            raise DocumentError("a document is too large")
    return bytes(body)


def _tag(response: aiohttp.ClientResponse, *names: str) -> str | None:
    """Return the first of these headers that is there, unless it is no text, or beyond measure."""
    found = next((response.headers[name] for name in names if name in response.headers), "").strip()
    return found if found and len(found) <= _MAX_TAG and found.isprintable() else None


def _timeout(target: Target) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=target.send_timeout, connect=target.connect_timeout)


async def _read_to_the_end(response: aiohttp.ClientResponse) -> None:
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_ANSWER:
            return


def _headers(payload: Payload, target: Target) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        _APPLICATION_ID: target.application_id.reveal(),
    }
    if payload.encoding is not None:
        headers["Content-Encoding"] = payload.encoding
    return headers


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Return the seconds that an answer asks to wait, given as such or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        sent = parsedate_to_datetime(response.headers["Date"])
        return max(0.0, (date - sent).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
