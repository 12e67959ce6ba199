"""Arguments as they stand in a query or a urlencoded body, decoded as Kong decodes them."""

from collections.abc import Iterator

from authsvc.query import arguments as split_arguments
from sidecar.admin.problems import plain

MAX_ARGUMENTS = 1000


class Arguments:
    """Named texts in order; a name may come more than once, and without a value."""

    def __init__(self, pairs: tuple[tuple[str, str | None], ...]) -> None:
        self.pairs = pairs

    @classmethod
    def parse(cls, text: str) -> "Arguments":
        """Decode a query or a urlencoded body.

        Bytes that are no UTF-8 become lone surrogates: whoever uses a value decides about them.

        Raises:
            ProblemError: There are more arguments than ``MAX_ARGUMENTS``.
        """
        # Counted before anything is decoded: the limit is there to bound the work.
        if text.count("&") >= MAX_ARGUMENTS and len(text.split("&")) > MAX_ARGUMENTS:
            raise plain(400, "Too many arguments")
        return cls(tuple(_decoded(text)))

    def values(self, name: str) -> list[str | None]:
        """Return every value of this name; None stands for a name without ``=``."""
        return [value for known, value in self.pairs if known == name]

    def has(self, name: str) -> bool:
        """Tell whether there is an argument of this name, with a value or without."""
        return bool(self.values(name))

    def first(self, name: str) -> str | None:
        """Return the first value of this name; None also where it has none."""
        return next(iter(self.values(name)), None)


def is_utf8(text: str) -> bool:
    """Tell whether a decoded text was UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """Return a decoded text with a replacement character for what was no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded(text: str) -> Iterator[tuple[str, str | None]]:
    for name, value, _ in split_arguments(text):
        if name:
            yield _text(name), None if value is None else _text(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
