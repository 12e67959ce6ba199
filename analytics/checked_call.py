"""A request while it is being checked, as governance looks at it: read only where a rule asks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from analytics.body_members import BodyMembers
from analytics.client_ip import UNKNOWN, client_ip
from analytics.record import Verdict

_NONE: Mapping[str, str] = {}


class AskedAbout(Protocol):
    """A request as authsvc has read it: ``authsvc.request.Request``, field by field."""

    @property
    def route(self) -> str | None:
        """Its name or id, if there is one."""

    @property
    def service(self) -> str | None:
        """The same."""

    @property
    def method(self) -> str:
        """As sent."""

    @property
    def path(self) -> str:
        """With its query."""

    @property
    def authority(self) -> str | None:
        """The host that the client asked."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names in lower case, repeated lines apart."""

    @property
    def body(self) -> bytes | None:
        """All of it; None if it is not there."""

    @property
    def client_address(self) -> str | None:
        """As Envoy resolved it."""


class CheckedCall:
    """What ``analytics.conditions`` and ``analytics.identify`` want to know of a request.

    Attributes:
        verdict: What authsvc found out; may be set later.
    """

    __slots__ = ("_header_texts", "_members", "_request", "_trusts_headers", "verdict")

    response_headers = _NONE  # there is no answer yet
    status: int | None = None
    peer_address = ""
    # Envoy does not show these to a check.
    jwt_payloads: Mapping[str, Any] | None = None
    peer_subject = ""
    peer_uris: tuple[str, ...] = ()

    def __init__(self, request: AskedAbout, *, trusts_headers: bool = False) -> None:
        """Look at a request.

        Args:
            request: As authsvc has read it.
            trusts_headers: Whether the client's address may be taken from headers.
        """
        self._request = request
        self._trusts_headers = trusts_headers
        self._header_texts: Mapping[str, str] | None = None
        self._members: BodyMembers | None = None
        self.verdict: Verdict | None = None

    @property
    def request_headers(self) -> Mapping[str, str]:
        """The headers by name, read when they are asked for."""
        if self._header_texts is None:
            self._header_texts = _Headers(self._request.headers)
        return self._header_texts

    @property
    def client_address(self) -> str:
        """As Envoy resolved it; empty: it did not say."""
        return self._request.client_address or ""

    @property
    def verb(self) -> str | None:
        """The method."""
        return self._request.method

    @property
    def route(self) -> str | None:
        """The path, without the query."""
        path = self._request.path.partition("?")[0]
        if path.startswith("/"):
            return path
        _, has_scheme, rest = path.partition("://")  # the absolute form that proxies are sent
        return "/" + rest.partition("/")[2] if has_scheme else path

    @property
    def uri(self) -> str | None:
        """The whole of it, as far as it is known."""
        path = self._request.path
        if not path.startswith("/") and "://" in path.partition("?")[0]:
            return path
        return f"{self._scheme()}://{self._request.authority or ''}{path}"

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
        if self._members is None:
            self._members = BodyMembers(self.header("content-type") or "", self._request.body)
        return self._members.text(name)

    def _scheme(self) -> str:
        for name in ("x-forwarded-proto", ":scheme"):
            if (scheme := self.header(name)) in {"http", "https"}:
                return str(scheme)
        return "http"


class _Headers(Mapping[str, str]):
    """Header lines by name: decoded when somebody asks, since most are never asked for."""

    __slots__ = ("_values",)

    def __init__(self, lines: Sequence[tuple[str, bytes]]) -> None:
        self._values = dict(lines)
        if len(self._values) < len(lines):
            self._values = _joined(lines)

    def get(self, name: str, default: Any = None) -> Any:  # the mixin's own takes longer
        value = self._values.get(name)
        return default if value is None else value.decode("utf-8", "replace")

    def __getitem__(self, name: str) -> str:
        return self._values[name].decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _joined(lines: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    values: dict[str, list[bytes]] = {}
    for name, value in lines:
        values.setdefault(name, []).append(value)
    return {name: b",".join(each) for name, each in values.items()}
