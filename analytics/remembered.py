"""A bounded memory of what was worked out from short texts or bytes that come again and again.

Finding something in a dict costs a tenth of working it out.  What is remembered is bounded in
number and in the length of each key, and is forgotten whole, so that what is rare goes and what is
usual comes back at once.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K", str, bytes)
T = TypeVar("T")

MAX_LENGTH = 512  # of a key; longer ones are rarely the same
MAX_COUNT = 8192


class Remembered(dict[K, T], Generic[K, T]):
    """Works out a value for each key: ``remembered[key]``, which raises what ``work_out`` raises.

    What was worked out must depend on the key alone.

    Args:
        work_out: Returns the value of a key.
        recurs: Tells whether a value is likely to be wanted again; None: all are. To remember what
            never comes again costs more than to work it out, and drives out what does.
    """

    def __init__(
        self, work_out: Callable[[K], T], *, recurs: Callable[[T], bool] | None = None
    ) -> None:
        super().__init__()
        self._work_out: Callable[[K], T] = work_out
        self._recurs = recurs

    def __missing__(self, key: K) -> T:
        """Work out the value of a key that is not known."""
        value = self._work_out(key)
        if len(key) <= MAX_LENGTH and (self._recurs is None or self._recurs(value)):
            if len(self) >= MAX_COUNT:
                self.clear()
            self[key] = value
        return value
