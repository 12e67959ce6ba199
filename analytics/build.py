"""Which build of what is compiled this is."""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final, Literal

from analytics import wire

BUILD: Final[Literal["compiled", "plain"]] = (
    "compiled" if (wire.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES)) else "plain"
)
