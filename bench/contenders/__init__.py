"""The servers that are measured, one process each."""
