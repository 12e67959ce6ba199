"""The command line: `tollkeeper`."""
