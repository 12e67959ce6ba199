"""The collector's HTTP API: ``POST /v1/events/batch``."""

from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp

from analytics.collector import Answer, Payload, Target
from analytics.errors import CollectorUnreachableError

_PATH = "/v1/events/batch"
_DISTRIBUTION = "tollkeeper"
_MAX_ANSWER = 64 * 1024  # bytes that are read of an answer, so that its connection can be kept
_IDLE_SECONDS = 15.0  # before an unused connection is closed


class MoesifCollector:
    """Sends batches over HTTP; an async context manager that owns the connections.

    Redirects are not followed: they would carry the application id to another host.
    """

    def __init__(self) -> None:
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
        if self._session is None:
            raise RuntimeError("enter the collector's context first")
        answer: Answer | None = None
        try:
            async with self._session.post(
                target.endpoint + _PATH,
                data=payload.body,
                headers=_headers(payload, target),
                timeout=aiohttp.ClientTimeout(
                    total=target.send_timeout, connect=target.connect_timeout
                ),
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, _retry_after(response))
                await _read_to_the_end(response)
        except (aiohttp.ClientError, TimeoutError):
            # What follows the status cannot take it back: an accepted batch is never sent again.
            if answer is None:
                raise CollectorUnreachableError from None
        return answer


async def _read_to_the_end(response: aiohttp.ClientResponse) -> None:
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_ANSWER:
            return


def _headers(payload: Payload, target: Target) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "X-Moesif-Application-Id": target.application_id.reveal(),
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
    except (KeyError, TypeError, ValueError):
        return None
