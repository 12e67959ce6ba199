"""The command line: `tollkeeper`."""

from sidecar.cli.program import main

__all__ = ["main"]
