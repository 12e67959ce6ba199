"""Kong's behaviour of the Admin API, case by case, against a real server on each store.

Left out, as long as these parts are not built: ``/config`` and what needs DB-less mode,
``/keyring``; and the cases that are marked as accidents of Kong, whose
differences are listed in ``docs/kong-differences.md``.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from authsvc.store import Stores
from tests.conformance.admin_steps import Steps
from tests.fakes.admin_api import serving

_CASES = json.loads(Path(__file__).with_name("kong-admin.json").read_text())
_NOT_BUILT = ("/config", "/keyring")
_MODES = ({"db"}, set())


def _concerns_what_is_built(case: dict[str, Any]) -> bool:
    path = case["request"]["path"].split("?")[0]
    return (
        not case["kong_quirk"]
        and set(case.get("requires") or ()) in _MODES
        and not path.startswith(_NOT_BUILT)
    )


_CHOSEN = {case["id"]: case for case in _CASES if _concerns_what_is_built(case)}


def test_most_cases_are_run() -> None:
    assert len(_CHOSEN) > len(_CASES) // 2


@pytest.mark.parametrize("case", _CHOSEN.values(), ids=_CHOSEN)
async def test_answers_as_kong_does(stores: Stores, case: dict[str, Any]) -> None:
    async with serving(stores) as client:
        await Steps(client).run(case)
