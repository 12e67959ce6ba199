"""Regular expressions of routes: whether Envoy takes them.

One that it refuses would keep it from starting, with all other routes.  So each is compiled here
as Envoy does it, by RE2: nothing else knows exactly what RE2 takes.
"""

import re2  # type: ignore[import-untyped]  # ships no types; what we call is little

# Instructions. Expressions of routes come from the operator and run in linear time; Envoy's own
# limit of 100 refuses ordinary ones.
MAX_PROGRAM = 10_000


def is_taken(pattern: str) -> bool:
    """Tell whether Envoy takes an expression, alone and in what routes make of it."""
    return _compiles(pattern) and _compiles(f"^(?i:.*(?:{pattern}).*)/?")


def _compiles(pattern: str) -> bool:
    options = re2.Options()
    options.log_errors = False  # RE2 would write to stderr by itself
    try:
        size: int = re2.compile(pattern, options).programsize
    except (re2.error, UnicodeEncodeError):
        return False
    return size <= MAX_PROGRAM
