"""Kong's behaviour of the Admin API, case by case, against a real server on each store.

What needs a node without a database is in ``test_kong_dbless.py``.  Left out are the cases that are
marked as accidents of Kong, whose differences are listed in ``docs/kong-differences.md``.
Where a case needs a keyring it is new, with one active key.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from authsvc.recovery_key import RecoveryKey
from authsvc.store import Stores
from tests.conformance.admin_steps import Steps
from tests.fakes.admin_api import serving
from tests.fakes.ring import empty_ring, held_ring, recovery_pair

_CASES = json.loads(Path(__file__).with_name("kong-admin.json").read_text())
_KEYRING = ({"keyring"}, {"keyring", "keyring_rsa"})
_MODES = ({"db"}, set(), *_KEYRING)


def _concerns_what_is_built(case: dict[str, Any]) -> bool:
    return not case["kong_quirk"] and set(case.get("requires") or ()) in _MODES


_CHOSEN = {case["id"]: case for case in _CASES if _concerns_what_is_built(case)}


def test_all_cases_are_run_but_accidents_and_those_of_another_mode() -> None:
    left_out = [case for case in _CASES if case["id"] not in _CHOSEN]
    accidents = [case for case in left_out if case["kong_quirk"]]
    without_database = [case for case in left_out if case.get("requires") == ["dbless"]]
    assert (len(_CASES), len(accidents)) == (197, 22)
    assert all(case in accidents or case in without_database for case in left_out)
    assert len(_CHOSEN) == 160


@pytest.mark.parametrize("case", _CHOSEN.values(), ids=_CHOSEN)
async def test_answers_as_kong_does(stores: Stores, case: dict[str, Any]) -> None:
    async with serving(stores, **await _keyring(stores, case)) as client:
        await Steps(client).run(case)


async def _keyring(stores: Stores, case: dict[str, Any]) -> dict[str, Any]:
    if set(case.get("requires") or ()) not in _KEYRING:
        return {}
    public, _ = recovery_pair()
    await empty_ring(stores)
    held = await held_ring(stores, recovery=RecoveryKey.from_pem(public))
    return {"sealer": held.sealer, "keyring": held.endpoints()}
