"""A request while it is being checked, as governance looks at it: read only where a rule asks."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from analytics.body_members import BodyMembers
from analytics.client_ip import UNKNOWN, client_ip
from analytics.record import Verdict

_NONE: Mapping[str, str] = {}


class CheckedCall:
    """What ``analytics.conditions`` and ``analytics.identify`` want to know of a request.

    Args:
        method: As sent.
        path: With its query.
        authority: The host that the client asked.
        headers: Names in lower case, repeated lines apart.
        body: None: there is none, or not all of it is there.
        client_address: As Envoy resolved it; None: it did not say.
        verdict: What authsvc found out; may be set later.
        trusts_headers: Whether the client's address may be taken from headers.
    """

    response_headers = _NONE  # there is no answer yet
    status: int | None = None
    peer_address = ""
    # Envoy does not show these to a check.
    jwt_payloads: Mapping[str, Any] | None = None
    peer_subject = ""
    peer_uris: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        method: str,
        path: str,
        authority: str | None,
        headers: Sequence[tuple[str, bytes]],
        body: bytes | None,
        client_address: str | None,
        verdict: Verdict | None = None,
        trusts_headers: bool = False,
    ) -> None:
        self.verb: str | None = method
        self._path = path
        self._authority = authority
        self._headers = headers
        self._body = body
        self.client_address = client_address or ""
        self.verdict = verdict
        self._trusts_headers = trusts_headers

    @cached_property
    def request_headers(self) -> Mapping[str, str]:
        """The headers by name, read as they are asked for."""
        return _Headers(self._headers)

    @property
    def route(self) -> str | None:
        """The path, without the query."""
        path = self._path.partition("?")[0]
        _, has_scheme, rest = path.partition("://")  # the absolute form that proxies are sent
        return "/" + rest.partition("/")[2] if has_scheme else path

    @property
    def uri(self) -> str | None:
        """The whole of it, as far as it is known."""
        if "://" in self._path.partition("?")[0]:
            return self._path
        return f"{self._scheme()}://{self._authority or ''}{self._path}"

    @property
    def address(self) -> str | None:
        """The client's address, as the event will have it."""
        found = client_ip(self, trust_headers=self._trusts_headers)
        return None if found == UNKNOWN else found

    def header(self, name: str) -> str | None:
        """Return a header, repeated ones joined by commas."""
        return self.request_headers.get(name)

    def body_member(self, name: str) -> str | None:
        """Return a member of the body as text."""
        return self._members.text(name)

    @cached_property
    def _members(self) -> BodyMembers:
        return BodyMembers(self.header("content-type") or "", self._body)

    def _scheme(self) -> str:
        for name in ("x-forwarded-proto", ":scheme"):
            if (scheme := self.header(name)) in {"http", "https"}:
                return str(scheme)
        return "http"


class _Headers(Mapping[str, str]):
    """Header lines by name: decoded when somebody asks, since most are never asked for."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[str, bytes]]) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        values = [value for given, value in self._lines if given == name]
        if not values:
            raise KeyError(name)
        return b",".join(values).decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._lines))

    def __len__(self) -> int:
        return len(dict(self._lines))
