"""Regular expressions that somebody else wrote: they come from the collector, with its rules.

RE2 searches in time linear in the text, whatever the expression; what it cannot do at all
(look-around, back-references) is refused when the expression is read.  Nothing else in this
package may compile an expression that came from outside.
"""

from collections.abc import Callable, Collection, Sequence

import re2  # type: ignore[import-untyped]  # ships no types; what we call is little

from analytics.errors import PatternError

MAX_LENGTH = 2048  # characters of one expression
_MAX_MEMORY = 1 << 19  # bytes that one compiled expression may take; what needs more is refused
_MAX_SET_MEMORY = 8 << 20  # bytes, of many together


class Pattern:
    """One expression, to be found anywhere in a text."""

    __slots__ = ("_search", "text")

    def __init__(self, text: str) -> None:
        """Compile an expression in RE2's syntax.

        Raises:
            PatternError: It is too long, or not one that RE2 can search for.
        """
        if len(text) > MAX_LENGTH:
            raise PatternError("an expression is too long")
        self.text = text
        try:
            search: Callable[[bytes], object] = re2.compile(text, _options(_MAX_MEMORY)).search
        except (re2.error, UnicodeEncodeError):
            # Its words quote the expression.
            raise PatternError("an expression is not one that RE2 can search for") from None
        self._search = search

    def is_in(self, text: bytes) -> bool:
        """Tell whether a text, in UTF-8, has it."""
        return self._search(text) is not None


class PatternSet:
    """Many expressions, looked for in a text at once.

    Attributes:
        is_joined: Whether one search is enough; otherwise they are too large, and are asked one by
            one.
        found_in: Returns which of the expressions a text, in UTF-8, has: their positions; None
            also stands for none.
    """

    __slots__ = ("found_in", "is_joined")

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        patterns = tuple(patterns)
        match = _match_at_once(patterns)
        self.is_joined = match is not None
        # RE2's own function, where it will do: each call more would cost a fifth of the search.
        self.found_in: Callable[[bytes], Collection[int] | None] = match or _ask_each(patterns)


def _ask_each(patterns: Sequence[Pattern]) -> Callable[[bytes], Collection[int]]:
    return lambda text: [at for at, pattern in enumerate(patterns) if pattern.is_in(text)]


def _match_at_once(patterns: Sequence[Pattern]) -> Callable[[bytes], list[int] | None] | None:
    # A set that compiles has the memory for its search as well: RE2 makes sure of it then.
    joined = re2.Set.SearchSet(_options(_MAX_SET_MEMORY))
    try:
        for pattern in patterns:
            joined.Add(pattern.text)
        joined.Compile()
    except re2.error:
        return None
    match: Callable[[bytes], list[int] | None] = joined.Match
    return match


def _options(max_memory: int) -> object:
    options = re2.Options()
    options.log_errors = False  # RE2 would write them, and so the expression, to stderr
    options.never_capture = True
    options.max_mem = max_memory
    return options
