"""What texts of one meaning must look like, and Kong's words where they do not.

Each takes a text and returns what is wrong with it, or None.
"""

import ipaddress
import re
import unicodedata

_TAG_SEPARATORS = frozenset(",/")
_NAME = re.compile(r"[A-Za-z0-9._~-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATH = re.compile(r"/[A-Za-z0-9.\-_~/%:@!$&'()*+,;=]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_METHOD = re.compile(r"[A-Z]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST = 253  # characters


def no_control_characters(text: str) -> str | None:
    """Refuse what cannot stand in a header: usernames, custom ids, groups end up in one."""
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "must not contain control characters"
    return None


def tag(text: str) -> str | None:
    """Refuse unprintable tags, and those that a tag filter could not name."""
    if _TAG_SEPARATORS.isdisjoint(text) and no_control_characters(text) is None:
        return None
    return (
        f"invalid tag '{text}': expected printable ascii (except `,` and `/`) "
        "or valid utf-8 sequences"
    )


def name(text: str) -> str | None:
    """Refuse names of services, routes and plugins with ASCII that means something in a URL."""
    if all(character > "\x7f" or _NAME.fullmatch(character) for character in text):
        return no_control_characters(text) and "must not contain control characters"
    return (
        f"invalid value '{text}': the only accepted ascii characters are alphanumerics "
        "or ., -, _, and ~"
    )


def header_name(text: str) -> str | None:
    """Refuse what is no header name in Kong's eyes."""
    if _HEADER_NAME.fullmatch(text):
        return None
    return f"bad header name '{text}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"


def matched_header_name(text: str) -> str | None:
    """Refuse what is no header name, and ``host``, which routes match elsewhere."""
    if text.lower() == "host":
        return "cannot contain 'host' header, which must be specified in the 'hosts' attribute"
    return header_name(text)


def path(text: str) -> str | None:
    """Refuse what is no absolute path, or is one in a spelling that could be read in two ways."""
    if not text.startswith("/"):
        return "should start with: /"
    return _path_spelling(text)


def route_path(text: str) -> str | None:
    """Refuse what is neither an absolute path nor ``~/`` and a regular expression."""
    if text.startswith("~/"):
        return no_control_characters(text)
    if not text.startswith("/"):
        return "should start with: / (fixed path) or ~/ (regex path)"
    return _path_spelling(text)


def method(text: str) -> str | None:
    """Refuse methods that are not in capitals."""
    return None if _METHOD.fullmatch(text) else f"invalid value: {text}"


def host(text: str) -> str | None:
    """Refuse what is neither a host name nor an address, or has a port."""
    if _is_address(text.removeprefix("[").removesuffix("]")):
        return None
    if ":" in text:
        return "must not have a port"
    return None if _is_host_name(text) else f"invalid value: {text}"


def matched_host(text: str) -> str | None:
    """Refuse what is neither a host nor a host with a wildcard for its first or last label."""
    wildcards = text.count("*")
    if not wildcards:
        return host(text)
    if wildcards > 1:
        return "only one wildcard must be specified"
    if ":" in text:
        return "must not have a port"
    if not (text.startswith("*.") or text.endswith(".*")):
        return "invalid wildcard: must be placed at leftmost or rightmost label"
    return None if _is_host_name(text.replace("*", "x")) else f"invalid value: {text}"


def _path_spelling(text: str) -> str | None:
    if "//" in text:
        return "must not have empty segments"
    if not _PATH.fullmatch(text):
        return f"invalid path: '{text}' (characters outside of the reserved list of RFC 3986 found)"
    if bad := _BAD_ESCAPE.search(text):
        return f"invalid url-encoded value: '{bad[0]}'"
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in labels)
