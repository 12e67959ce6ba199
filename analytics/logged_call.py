"""A call that the access log tells of, as sampling looks at it: read only where a rate asks."""

from analytics.bodies.captured import CapturedBody
from analytics.body_members import BodyMembers
from analytics.client_ip import UNKNOWN, client_ip
from analytics.record import AccessRecord


class LoggedCall:
    """What ``analytics.conditions`` wants to know of a call that is over.

    Args:
        record: The entry.
        trusts_headers: Whether the client's address may be taken from headers.
        body: Of the request, if Envoy showed it.
    """

    __slots__ = ("_body", "_members", "_record", "_trusts_headers")

    def __init__(
        self, record: AccessRecord, *, trusts_headers: bool, body: CapturedBody | None = None
    ) -> None:
        self._record = record
        self._trusts_headers = trusts_headers
        self._body = body
        self._members: BodyMembers | None = None

    @property
    def verb(self) -> str | None:
        """The method."""
        return self._record.method or None

    @property
    def route(self) -> str | None:
        """The path as the client sent it, without the query."""
        path = self._path.partition("?")[0]
        if path.startswith("/"):
            return path
        _, has_scheme, rest = path.partition("://")  # the absolute form that proxies are sent
        return "/" + rest.partition("/")[2] if has_scheme else path

    @property
    def uri(self) -> str | None:
        """The whole of it."""
        record, path = self._record, self._path
        if not path.startswith("/") and "://" in path.partition("?")[0]:
            return path
        return f"{record.scheme or 'http'}://{record.authority}{path}"

    @property
    def address(self) -> str | None:
        """The client's address, as the event has it."""
        found = client_ip(self._record, trust_headers=self._trusts_headers)
        return None if found == UNKNOWN else found

    @property
    def status(self) -> int | None:
        """The status; None: nothing was answered."""
        return self._record.status

    def header(self, name: str) -> str | None:
        """Return a header of the request, if it is among those that are logged."""
        return self._record.request_headers.get(name)

    def body_member(self, name: str) -> str | None:
        """Return a member of the request's body as text; one that is packed has none."""
        if self._body is None or self._body.content_encoding:
            return None
        if self._members is None:
            self._members = BodyMembers(self._body.content_type, self._body.data)
        return self._members.text(name)

    @property
    def _path(self) -> str:
        return self._record.original_path or self._record.path
