"""The window that we grant a whole connection: RFC 9113, section 5.2."""

from typing import Final

from authsvc.extauthz.fastlane import faults
from authsvc.extauthz.fastlane.faults import ConnectionFault

# Few enough that giving back costs nothing, many enough that large requests do not wait for each
# other because of room that nobody uses.
_STEPS: Final = 16


class Inflow:
    """Counts what may come, and gives room back in few steps."""

    __slots__ = ("_limit", "_used", "_window")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._window = limit
        self._used = 0

    def take(self, size: int) -> None:
        """Take bytes that came.

        Raises:
            ConnectionFault: They are more than was granted.
        """
        self._window -= size
        if self._window < 0:
            raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "more than the window")

    def give(self, size: int) -> int:
        """Give room back for bytes that were used; return by how much to grow the window now."""
        self._used += size
        if self._used < self._limit // _STEPS:
            return 0
        increment, self._used = self._used, 0
        self._window += increment
        return increment
