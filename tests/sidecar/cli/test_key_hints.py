"""``tollkeeper keys list`` where the Admin API does not show keys again."""

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.command_line import Tollkeeper
from tests.fakes.admin_api import serving

LONG, SHORT = "a-key-of-twenty-letters-or-more", "a-short-key"


@pytest.mark.parametrize(
    ("reveal", "given", "hints"),
    [
        (False, [LONG], ["a-ke…"]),
        (False, [LONG, SHORT], ["a-ke…", "-"]),
        (False, [SHORT], None),
        (True, [LONG], None),
    ],
)
async def test_a_key_is_told_by_how_it_begins_where_that_is_said(
    tollkeeper: Tollkeeper,
    monkeypatch: pytest.MonkeyPatch,
    reveal: bool,
    given: list[str],
    hints: list[str] | None,
) -> None:
    async with serving(MemoryDatabase(), reveal_keys=reveal) as api:
        monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", f"http://127.0.0.1:{api.port}")
        assert (await tollkeeper("consumers", "create", "alice")).code == 0
        for key in given:
            made = await tollkeeper(
                "keys", "create", "alice", "--key-file", "-", stdin=key.encode()
            )
            assert made.code == 0
        head, *rows = (await tollkeeper("keys", "list", "alice")).out.splitlines()
    assert head.endswith("KEY_HINT") == (hints is not None)
    if hints is not None:
        assert sorted(row.split()[-1] for row in rows) == sorted(hints)
    assert not any(key in row for key in given for row in rows)
