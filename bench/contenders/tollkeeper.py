"""``python -m bench.contenders.tollkeeper FACE [OPTION…]``: a worker of authsvc, see ``worker``.

As where the product starts one, no more is in memory than it needs.
"""

import sys
from functools import partial

import uvloop

from bench.contenders.serving import run
from sidecar.lean_imports import import_lean


def main() -> None:
    """Serve until standard input ends."""
    import_lean()
    from bench.contenders.worker import serve  # noqa: PLC0415 - it comes lean first

    name, *options = sys.argv[1:]
    run(partial(serve, name, options), runner=uvloop.run)


if __name__ == "__main__":
    main()
