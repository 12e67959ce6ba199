"""The stores in memory: for tests and for a sidecar without a database."""

from authsvc.memory.database import MemoryDatabase

__all__ = ["MemoryDatabase"]
