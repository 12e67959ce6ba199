"""Masks ``application/x-www-form-urlencoded``; all else stays as it was, byte for byte."""

from collections.abc import Iterator
from urllib.parse import unquote_plus

from analytics.bodies.secrecy import Secrecy
from analytics.masking import MASK


def masked_form(text: str, secrecy: Secrecy) -> str:
    """Return a form as it may be shown."""
    if not secrecy.may_concern(text):
        return text
    return "&".join(_arguments(text, secrecy))


def _arguments(text: str, secrecy: Secrecy) -> Iterator[str]:
    for argument in text.split("&"):
        raw_name, equals, value = argument.partition("=")
        name = unquote_plus(raw_name)
        if secrecy.removes(name):
            continue
        if equals and len(value) > 1 and secrecy.hides(name):
            yield f"{raw_name}={MASK}"
        else:
            # ``;`` separates for some servers, and a value may be a URL: as in a query.
            yield secrecy.url(f"?{argument}").removeprefix("?")
