"""Which build of the hot path this is."""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final, Literal

from authsvc.extauthz.fastlane import connection

BUILD: Final[Literal["compiled", "plain"]] = (
    "compiled" if (connection.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES)) else "plain"
)
