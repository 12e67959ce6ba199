"""Kong's behaviour at request time, case by case, as the answer to the check alone decides it."""

import pytest

from tests.conformance.access_cases import load_cases
from tests.conformance.access_checker import Checker

_CASES = load_cases()


@pytest.mark.parametrize("raw", [True, False], ids=["raw headers", "joined headers"])
@pytest.mark.parametrize("id_", _CASES)
async def test_the_check_decides_as_kong_does(id_: str, raw: bool) -> None:
    assert await Checker(_CASES[id_], raw=raw).play() == []
