"""Regular expressions that somebody else wrote: they come from the collector, with its rules.

RE2 searches in time linear in the text, whatever the expression; what it cannot do at all
(look-around, back-references) is refused when the expression is read.  Nothing else in this
package may compile an expression that came from outside.
"""

from collections.abc import Callable, Iterable

import re2  # type: ignore[import-untyped]  # ships no types; what we call is `compile` and `search`

from analytics.errors import PatternError

MAX_LENGTH = 2048  # characters of one expression
_QUOTE = r"\Q"  # what follows is literal, up to the end: also what is put behind the expression
_MAX_MEMORY = 1 << 19  # bytes that one compiled expression may take; what needs more is refused
_MAX_JOINED_MEMORY = 1 << 20  # bytes, of many together


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
        self._search = _compile(text, _MAX_MEMORY)

    def is_in(self, text: bytes) -> bool:
        """Tell whether a text, in UTF-8, has it."""
        return self._search(text) is not None


class AnyPattern:
    """Tells quickly that none of many expressions is in a text, which is what most texts have."""

    __slots__ = ("_search",)

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        """Join expressions.

        Raises:
            PatternError: They cannot be joined; each has to be asked by itself.
        """
        patterns = tuple(patterns)
        if any(_QUOTE in pattern.text for pattern in patterns):
            raise PatternError("an expression may end within a quotation")
        joined = "|".join(f"(?:{pattern.text})" for pattern in patterns)
        self._search = _compile(joined, _MAX_JOINED_MEMORY)

    def is_in(self, text: bytes) -> bool:
        """Tell whether a text, in UTF-8, has any of them."""
        return self._search(text) is not None


def _compile(text: str, max_memory: int) -> Callable[[bytes], object]:
    options = re2.Options()
    options.log_errors = False  # RE2 would write them, and so the expression, to stderr
    options.never_capture = True
    options.max_mem = max_memory
    try:
        search: Callable[[bytes], object] = re2.compile(text, options).search
    except (re2.error, UnicodeEncodeError):
        # Its words quote the expression.
        raise PatternError("an expression is not one that RE2 can search for") from None
    return search
