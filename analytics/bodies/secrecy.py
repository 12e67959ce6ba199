"""What of a body is not to be shown, and how that is found in text of any kind.

Two kinds of names: those that the configuration masks, exact, and gone with their values; and
those under which credentials are sent, in any spelling, whose values are masked.
"""

import re
from collections.abc import Collection, Iterable
from urllib.parse import unquote_plus

from analytics.masking import MASK, CredentialNames, Masking

# Where a name stands in text: in front of its value, as in name="...", name: and user[name]=; as
# the name of a form's field, which is followed by the value in some way; or as a tag.  Each
# character is looked at once or twice, whatever it is.
_NAMED = re.compile(
    r"""(?<![\w%.-])name=[\\"']*+(?P<field>[\w%.-]++)"""
    r"""|<(?:[\w.-]++:)?+(?P<tag>[\w%.-]++)(?=[\s/>])"""
    r"""|(?<![\w%.-])(?P<word>[\w%.-]++)[\\"'\]]*+[ \t]*+[=:]"""
)
_TAG_MASKED_ALREADY = re.compile(
    rf"""(?:\s++[^\s<>=/]++\s*+=\s*+["']{re.escape(MASK)}["'])*+\s*+(?:/>|>(?:{re.escape(MASK)}|(?=</)))"""
)
_MASKED_ALREADY = re.compile(rf"""[\s\\"']*+{re.escape(MASK)}""")
_NOTHING_YET = re.compile(r"""[\s\\"']*+[\[{(|>]?+\s*+""")
_ENTITY = "<!ENTITY"  # what it stands for may stand for a value further on
_STEPS = re.compile(r"[\[\].]+")
# What can hide a name from a search for it, and a URL with a password.
_ESCAPES = re.compile(r"%[0-9a-fA-F]{2}|\\[u/]|&#|//[^/?#\s@]*+@")


class Secrecy:
    """Decides about names, and masks text of which no more is known than that it is text."""

    def __init__(
        self, *, removed: Collection[str], credentials: CredentialNames, masking: Masking
    ) -> None:
        """Take the names that the configuration masks, and who knows the credentials."""
        self._removed = frozenset(removed)
        self._credentials = credentials
        self._masking = masking
        known = (_folded(name) for name in (*self._removed, *credentials))
        self._known = tuple(name for name in dict.fromkeys(known) if name)

    def removes(self, name: str) -> bool:
        """Tell whether nothing of this name is to be shown, be it a step in ``a[name][b]``."""
        return bool(self._removed) and not self._removed.isdisjoint(_steps(name))

    def hides(self, name: str) -> bool:
        """Tell whether the value of this name is a credential."""
        return any(step in self._credentials for step in _steps(name))

    def may_concern(self, text: str) -> bool:
        """Tell whether there can be anything in a text that is not to be shown."""
        folded = _folded(text)
        return any(name in folded for name in self._known) or bool(_ESCAPES.search(text))

    def url(self, text: str) -> str:
        """Return a text as it may be shown if it holds a URL."""
        return self._masking.url(text)

    def text(self, text: str) -> str:
        """Return a text as it may be shown.

        What follows a name is masked to the end of its line, or to the end of everything where
        the value may begin or end on a later line.
        """
        text, entity, _ = self.url(text).partition(_ENTITY)
        parts = []
        position = 0
        while (named := self._next_name(text, position)) is not None:
            end = named.end()
            parts.append(text[position:end])
            already = _masked_already(named).match(text, end)
            if already:
                parts.append(already.group())
                position = already.end()
            else:
                parts.append(MASK)
                position = _end_of_value(text, end) if named.lastgroup == "word" else len(text)
        return "".join([*parts, text[position:], entity])

    def _next_name(self, text: str, position: int) -> re.Match[str] | None:
        for named in _NAMED.finditer(text, position):
            name = unquote_plus(named[named.lastgroup or "word"]).strip("-.")
            if self.removes(name) or self.hides(name):
                return named
        return None


def _masked_already(named: re.Match[str]) -> re.Pattern[str]:
    return _TAG_MASKED_ALREADY if named.lastgroup == "tag" else _MASKED_ALREADY


def _end_of_value(text: str, start: int) -> int:
    end = text.find("\n", start)
    if end < 0 or _NOTHING_YET.fullmatch(text, start, end):
        return len(text)
    return end


def _steps(name: str) -> Iterable[str]:
    return (name, *_STEPS.split(name)) if "[" in name or "." in name else (name,)


def _folded(text: str) -> str:
    return text.casefold().replace("_", "-")
