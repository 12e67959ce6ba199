"""The window that we grant a whole connection: RFC 9113, section 5.2."""

from typing import Final

from authsvc.extauthz.fastlane import faults
from authsvc.extauthz.fastlane.faults import ConnectionFault

# Few enough that giving back costs nothing, many enough that large requests do not wait for each
# other because of room that nobody uses.
_STEPS: Final = 16


class Inflow:
    """Counts what may come, and gives room back in few steps.

    Attributes:
        window: Bytes that may still come.
    """

    __slots__ = ("_step", "_used", "window")

    def __init__(self, limit: int) -> None:
        self.window = limit
        self._step = limit // _STEPS
        self._used = 0

    def take(self, size: int) -> None:
        """Take bytes that came.

        Raises:
            ConnectionFault: They are more than was granted.
        """
        self.window -= size
        if self.window < 0:
            raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "more than the window")

    def give(self, size: int) -> int:
        """Give room back for bytes that were used; return by how much to grow the window now."""
        self._used += size
        if self._used < self._step:
            return 0
        increment, self._used = self._used, 0
        self.window += increment
        return increment
