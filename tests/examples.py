"""How many examples a property is tried with.

``EXAMPLES_TIMES=20 make test`` tries twenty times as many as a usual run does.
"""

import os

_TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))


def examples(usual: int) -> int:
    """Return how many examples to try where a usual run tries so many."""
    return usual * _TIMES
