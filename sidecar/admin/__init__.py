"""The Kong-compatible Admin API."""
