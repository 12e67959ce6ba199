"""``python -m sidecar.role_process DESCRIPTOR``: what the supervisor starts for each role.

It is ``sidecar.worker`` around ``sidecar.app.open_role``, with no more in memory than they need.
"""

import sys
from collections.abc import Sequence

from sidecar.lean_imports import import_lean


def main(arguments: Sequence[str]) -> int:
    """Be the role that the parent says; return the exit code."""
    import_lean()
    from sidecar import worker  # noqa: PLC0415 - it comes lean first
    from sidecar.app import open_role  # noqa: PLC0415 - as above

    return worker.main(arguments, open_role=open_role)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
