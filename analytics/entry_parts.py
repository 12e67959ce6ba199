"""The messages of which an entry consists, read off its bytes.

What protobuf would merge or refuse is left to it: what ``wire`` raises is raised here too.
"""

from typing import TYPE_CHECKING, Any, Final, final

from msgspec.structs import astuple

from analytics import entry_fields as f
from analytics.envoy_names import JWT_NAMESPACE, VERDICT_NAMESPACE
from analytics.known_pieces import ROUTE, SERVICE, KnownHeaders, KnownSaid
from analytics.record import Verdict
from analytics.wire import Fields, Unusual, key_and_value, length

if TYPE_CHECKING:
    from mypy_extensions import i64

_STRUCT_FIELD: Final = 0x0A  # how each of a Struct's begins

_NOTHING_SAID: Final[list[Any]] = list(astuple(Verdict()))


@final
class Common(Fields):
    """AccessLogCommon, with its metadata and custom tags."""

    def __init__(self, known: KnownSaid) -> None:
        super().__init__(f.COMMON_SHAPE)
        self.metadata = Metadata(known)
        self.tags: dict[str, str] = {}

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:
        """Read the metadata, or a custom tag."""
        if field == f.METADATA:
            self.metadata.read(data, at, end)
        else:
            start, middle, value = key_and_value(data, at, end)
            self.tags[data[start:middle].decode()] = data[value:end].decode()


@final
class Metadata(Fields):
    """Metadata.

    Attributes:
        said: What authsvc said of what a verdict has, in the order of that; None: nothing.
        route: The name of the route that it gave.
        service: The name of the service that it gave.
        jwt: The Struct of what jwt_authn verified; None: nothing.
    """

    def __init__(self, known: KnownSaid) -> None:
        super().__init__(f.METADATA_SHAPE)
        self._known = known
        self.said: list[Any] | None = None
        self.route: str | None = None
        self.service: str | None = None
        self.jwt: bytes | None = None

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:  # noqa: ARG002 - one only
        """Read what was said in one namespace."""
        start, middle, struct = key_and_value(data, at, end)
        name = data[start:middle].decode()
        if name == VERDICT_NAMESPACE:
            self.said = _NOTHING_SAID.copy()
            self.route = self.service = None
            self._read_struct(data, struct, end, self.said)
        else:
            self._read_struct(data, struct, end, None)
            if name == JWT_NAMESPACE:
                if self.jwt is not None:
                    raise Unusual  # protobuf is to see both, as one may be damaged
                self.jwt = data[struct:end]

    def _read_struct(self, data: bytes, at: "i64", end: "i64", into: list[Any] | None) -> None:
        while at < end:
            if data[at] != _STRUCT_FIELD:
                raise Unusual
            size, at = length(data, at + 1)
            if into is not None:
                said = self._known.read(data[at : at + size])
                if said.place >= 0:
                    into[said.place] = said.value
                elif said.place == ROUTE:
                    self.route = said.value
                elif said.place == SERVICE:
                    self.service = said.value
            at += size
        if at != end:
            raise Unusual


@final
class Request(Fields):
    """HTTPRequestProperties.

    Attributes:
        headers: Its headers, without pseudo headers.
        method: That of the pseudo header; empty if there is none.
    """

    def __init__(self, known: KnownHeaders) -> None:
        super().__init__(f.REQUEST_SHAPE)
        self._known = known
        self.headers: dict[str, str] = {}
        self.method = ""

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:  # noqa: ARG002 - one only
        """Read a header."""
        header = self._known.read(data[at:end])
        if not header.name.is_pseudo:
            self.headers[header.name.text] = header.value
        elif header.name.text == ":method":
            self.method = header.value


@final
class Response(Fields):
    """HTTPResponseProperties, with its headers and trailers."""

    def __init__(self, known: KnownHeaders) -> None:
        super().__init__(f.RESPONSE_SHAPE)
        self._known = known
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:
        """Read a header or a trailer."""
        header = self._known.read(data[at:end])
        if not header.name.is_pseudo:
            headers = self.headers if field == f.RESPONSE_HEADERS else self.trailers
            headers[header.name.text] = header.value


@final
class Entry(Fields):
    """HTTPAccessLogEntry, with its parts."""

    def __init__(self, headers: KnownHeaders, said: KnownSaid) -> None:
        super().__init__(f.ENTRY_SHAPE)
        self.common = Common(said)
        self.request = Request(headers)
        self.response = Response(headers)

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:
        """Read a part."""
        if field == f.COMMON_PROPERTIES:
            self.common.read(data, at, end)
        elif field == f.REQUEST:
            self.request.read(data, at, end)
        else:
            self.response.read(data, at, end)
