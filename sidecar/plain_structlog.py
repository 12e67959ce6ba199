"""structlog without what it takes along for consoles.

Where rich is installed, structlog imports it, and Pygments with it: 4 MB in each process, for
nothing, since our own lines are written by ``sidecar.logs``.
"""

import sys
from importlib import import_module

_FOR_CONSOLES = "rich"


def import_structlog() -> None:
    """Import structlog as where rich is not installed; who wants rich later imports it as ever.

    To be called before anything imports structlog; afterwards it does nothing.
    """
    if _FOR_CONSOLES in sys.modules:
        import_module("structlog")
        return
    # None makes an import fail, which structlog takes for "not installed".
    sys.modules[_FOR_CONSOLES] = None  # type: ignore[assignment]  # typeshed does not know of it
    try:
        import_module("structlog")
    finally:
        del sys.modules[_FOR_CONSOLES]
