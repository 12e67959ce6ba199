"""structlog without rich, and rich for whoever wants it afterwards."""

import subprocess
import sys

PROGRAM = """
import sys
from sidecar.plain_structlog import import_structlog
import_structlog()
assert "structlog" in sys.modules
assert not {name.partition(".")[0] for name in sys.modules} & {"rich", "pygments"}
import_structlog()
import rich.console
"""
LATE = """
import sys
import rich.console
from sidecar.plain_structlog import import_structlog
import_structlog()
assert sys.modules["rich"] is rich
"""


def test_structlog_comes_without_rich_which_can_be_imported_later() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_whoever_has_rich_keeps_it() -> None:
    subprocess.run([sys.executable, "-c", LATE], check=True, timeout=60)
