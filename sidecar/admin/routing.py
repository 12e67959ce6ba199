"""Which handler a request goes to.

Paths are split before they are decoded, so that ``%2F`` is part of a name, and one trailing
slash is tolerated.  A fixed segment wins over a parameter.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from sidecar.admin.call import Handler
from sidecar.admin.operation import Operation
from sidecar.admin.roles import ADMINS_ONLY, WRITES, Access


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, with ``{name}`` for its parameters, and a handler for each method but HEAD.

    ``access`` says which roles may use it, ``operations`` what its methods take and give.
    ``audited``: each use that may write is in the audit log, also one that wrote nothing or failed.
    ``texts``: the further content types that it takes, as the text of its argument ``config``.
    """

    template: str
    handlers: Mapping[str, Handler]
    access: Access = ADMINS_ONLY
    operations: Mapping[str, Operation] = field(default_factory=dict)
    audited: bool = False
    texts: frozenset[str] = frozenset()

    @property
    def allowed(self) -> str:
        """The methods, as the ``Allow`` header lists them."""
        implied = {"HEAD"} if "GET" in self.handlers else set()
        return ", ".join(sorted({*self.handlers, *implied, "OPTIONS"}))

    def handler(self, method: str) -> Handler | None:
        """Return what answers a method; HEAD is answered as GET."""
        return self.handlers.get("GET" if method == "HEAD" else method)

    def operation(self, method: str) -> Operation | None:
        """Return what a method takes and gives, None: it does not say."""
        return self.operations.get("GET" if method == "HEAD" else method)

    def audits(self, method: str) -> bool:
        """Tell whether each use by this method is in the audit log."""
        return self.audited and method in WRITES


@dataclass(frozen=True, slots=True)
class Match:
    """A path that leads somewhere."""

    endpoint: Endpoint
    segments: Mapping[str, str]


@dataclass(slots=True)
class _Node:
    fixed: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    endpoint: Endpoint | None = None


class Routes:
    """All endpoints."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self._root = _Node()
        for endpoint in self.endpoints:
            self._add(endpoint)

    def match(self, path: str) -> Match | None:
        """Return the endpoint of a path as it stood in the request, without its query."""
        segments = _split(path)
        node = self._find(self._root, segments)
        if node is None or node.endpoint is None:
            return None
        names = _split(node.endpoint.template)
        values = {
            name[1:-1]: _decode(segment)
            for name, segment in zip(names, segments, strict=True)
            if name.startswith("{")
        }
        return Match(node.endpoint, values)

    def _add(self, endpoint: Endpoint) -> None:
        node = self._root
        for segment in _split(endpoint.template):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.fixed.setdefault(segment, _Node())
        if node.endpoint is not None:
            raise ValueError(f"{endpoint.template} is there already")
        node.endpoint = endpoint

    def _find(self, node: _Node, segments: list[str]) -> _Node | None:
        if not segments:
            return node if node.endpoint else None
        first, *rest = segments
        for child in _children(node, first):
            found = self._find(child, rest)
            if found is not None:
                return found
        return None


def _children(node: _Node, segment: str) -> Iterator[_Node]:
    if segment in node.fixed:
        yield node.fixed[segment]
    if node.parameter is not None and segment:
        yield node.parameter


def _split(path: str) -> list[str]:
    inner = path.removeprefix("/").removesuffix("/")
    return inner.split("/") if inner else []


def _decode(segment: str) -> str:
    # As OpenResty does: a literal plus is a blank, so that names with one need %2B.
    encoded = segment.replace("+", " ").encode("utf-8", "surrogateescape")
    return unquote_to_bytes(encoded).decode("utf-8", "surrogateescape")
