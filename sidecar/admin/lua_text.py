"""Values as Kong writes them into its messages: ``{id="x"}``, names sorted.

Clients and tests match on these texts, so their form is part of the API.
"""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def lua_text(value: object) -> str:
    """Return a value in Lua's notation, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        members = (f"{_name(key)}={lua_text(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "{" + ",".join(lua_text(member) for member in value) + "}"
    return str(value)


def _name(key: str) -> str:
    return key if _NAME.fullmatch(key) else f"[{_quoted(key)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
