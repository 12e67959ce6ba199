"""Libraries without what they take along, and nobody here uses: some megabytes in each process.

structlog imports rich where that is installed, and Pygments with it; our own lines are written by
``sidecar.logs``.  prometheus_client imports Python's HTTP servers and clients, for ways of handing
metrics out that are not ours.  msgspec imports typing_extensions where that is installed, for the
sake of Pythons older than ours.  protobuf imports what it would do its work with if it had no C.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

# None: as where it is not installed, which the library is made for.
_OF_STRUCTLOG = {"rich": None}
_OF_MSGSPEC = {"typing_extensions": None}
_OF_PROMETHEUS = (
    "http.server",
    "socketserver",
    "urllib.error",
    "urllib.request",
    "wsgiref.simple_server",
)
_OF_PROTOBUF = "google.protobuf.internal.python_message"


def import_lean() -> None:
    """Import the first three without that; who wants it later imports it as ever.

    To be called before anything imports them; afterwards it does nothing.
    """
    import_without("structlog", _OF_STRUCTLOG)
    import_without("msgspec", _OF_MSGSPEC)
    import_without("prometheus_client", {name: _StandIn(name) for name in _OF_PROMETHEUS})


def import_lean_protobuf() -> None:
    """Import protobuf without that, where it does its work in C."""
    implementation = import_module("google.protobuf.internal.api_implementation")
    if implementation.Type() != "python":
        import_without("google.protobuf.internal.builder", {_OF_PROTOBUF: _StandIn(_OF_PROTOBUF)})


def import_without(library: str, left_out: Mapping[str, ModuleType | None]) -> None:
    """Import a library with something else in place of some of the modules that it imports.

    Modules that are there already stay.  If the library cannot do with that, it is imported as
    usual.
    """
    before = set(sys.modules)
    try:
        with _in_place(left_out):
            import_module(library)
    except (AttributeError, ImportError, TypeError):
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == library.partition(".")[0]:
                del sys.modules[name]
        import_module(library)


class _StandIn(ModuleType):
    """A module with a class of any name, which does nothing: to import it, and to derive from."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def _in_place(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    missing = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(missing)  # type: ignore[arg-type]  # typeshed does not know of None
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
