"""Kong's behaviour without a database, case by case, against a real server.

Left out are the cases that are marked as accidents of Kong; the differences are listed in
``docs/kong-differences.md``.  Each case starts from an empty declaration.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.admin_steps import Steps
from tests.fakes.declared_api import serving_declared

_CASES = json.loads(Path(__file__).with_name("kong-admin.json").read_text())
_CHOSEN = {
    case["id"]: case
    for case in _CASES
    if case.get("requires") == ["dbless"] and not case["kong_quirk"]
}


def test_every_case_without_a_database_is_run() -> None:
    assert len(_CHOSEN) == 15


@pytest.mark.parametrize("case", _CHOSEN.values(), ids=_CHOSEN)
async def test_answers_as_kong_does(case: dict[str, Any]) -> None:
    async with serving_declared() as client:
        await Steps(client).run(case)
