"""Values in Lua's notation."""

import pytest

from sidecar.admin.lua_text import lua_text

TEXTS = {
    '{id="x"}': {"id": "x"},
    '{consumer={id="u"},group="admin"}': {"group": "admin", "consumer": {"id": "u"}},
    "{route=null,service=null}": {"service": None, "route": None},
    '{["odd name"]=true}': {"odd name": True},
    '{name="with \\"quotes\\" and \\\\ and \\n"}': {"name": 'with "quotes" and \\ and \n'},
    '{1,"a",{}}': [1, "a", {}],
}


@pytest.mark.parametrize(("text", "value"), TEXTS.items(), ids=TEXTS)
def test_writes_values_as_kong_does(text: str, value: object) -> None:
    assert lua_text(value) == text
