"""A client of the Admin API.

Errors are one line for the operator; they carry what the API says of itself, and no body that was
sent or received otherwise, because keys are in there.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from sidecar.errors import SettingsError, SidecarError, StartupError
from sidecar.secret import Secret
from sidecar.unreachable import NO_URLS, reason

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)  # seconds
_PAGE = 1000  # rows: the most that the API gives at once
_NOT_FOUND = 404
_FIRST_ERROR = 400


class AdminUrlError(SettingsError):
    """Nothing can be at the URL that was given for the Admin API."""


class AdminApiError(StartupError):
    """The Admin API cannot be reached, or what answers there is another program."""


class AdminRefusedError(SidecarError):
    """The Admin API answered with an error; ``status`` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """Speaks to one Admin API; made by ``open_admin``."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def read(self, path: str) -> dict[str, Any] | None:
        """Return what is there, or None.

        Raises:
            AdminUrlError, AdminApiError: It cannot be reached.
            AdminRefusedError: It answers with another error than "not found".
        """
        try:
            found: dict[str, Any] = await self.send("GET", path)
        except AdminRefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return found

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """Return all rows of a list.

        Raises:
            AdminUrlError, AdminApiError: It cannot be reached.
            AdminRefusedError: It answers with an error.
        """
        rows: list[dict[str, Any]] = []
        page: str | None = f"{path}?size={_PAGE}"
        while page:
            answer = await self.send("GET", page)
            try:
                rows += answer["data"]
                page = answer["next"]
            except (KeyError, TypeError):
                raise self._foreign() from None
        return rows

    async def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a request, with a JSON body if there is one; return the answer, {} without one.

        Raises:
            AdminUrlError, AdminApiError: It cannot be reached.
            AdminRefusedError: It answers with an error.
        """
        try:
            async with self._session.request(
                method, self._url + path, json=body, allow_redirects=False
            ) as response:
                answer = await _json(response)
        except NO_URLS as error:
            raise AdminUrlError(
                f"the Admin API cannot be at {self._url}: {reason(error)}"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AdminApiError(
                f"the Admin API at {self._url} cannot be reached: {reason(error)}"
            ) from None
        if response.status >= _FIRST_ERROR:
            said = (answer or {}).get("message") or response.reason
            message = f"the Admin API refuses {method} {path.partition('?')[0]}: {said}"
            raise AdminRefusedError(message, status=response.status)
        if answer is None:
            raise self._foreign()
        return answer

    def _foreign(self) -> AdminApiError:
        return AdminApiError(f"what answers at {self._url} is not the Admin API")


@asynccontextmanager
async def open_admin(
    url: str, *, token: Secret | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[AdminClient]:
    """Open a client of the Admin API at a URL such as ``http://127.0.0.1:8001``.

    ``tls`` says whom to trust, and what to show; None: whom the machine trusts, and nothing.

    Raises:
        SettingsError: The token cannot be one.
    """
    if token is not None and not token.reveal().isprintable():
        raise SettingsError("the Admin API's token is not one line of printable characters")
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    async with aiohttp.ClientSession(
        timeout=_TIMEOUT,
        headers=headers,
        trust_env=False,
        connector=aiohttp.TCPConnector(ssl=tls or True),
    ) as session:
        yield AdminClient(session, url.rstrip("/"))


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any] | None:
    """Return the object that is the answer, {} for an empty one, or None: it is something else."""
    if not await response.read():
        return {}
    try:
        answer = await response.json(content_type=None)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
