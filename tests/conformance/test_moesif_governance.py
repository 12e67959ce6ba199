"""The cases of kind ``governance`` in ``moesif.json``, as far as the rules themselves go."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from analytics.app_config import read_app_config
from analytics.checked_call import CheckedCall
from analytics.governance import Rulebook
from analytics.identify import Identity
from analytics.record import Verdict
from analytics.rules import read_rules

CASES: list[dict[str, Any]] = [
    case
    for case in json.loads((Path(__file__).parent / "moesif.json").read_text())
    if case["kind"] == "governance"
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_governance(case: dict[str, Any]) -> None:
    asked, expect = case["request"], case["expect"]
    url = urlsplit(asked["uri"])
    body = asked["body"]
    call = CheckedCall(
        method=asked["verb"],
        path=url.path + (f"?{url.query}" if url.query else ""),
        authority=url.netloc,
        headers=[(name.lower(), value.encode()) for name, value in asked["headers"].items()],
        body=body.encode() if body else None,
        client_address=asked["ip_address"],
        verdict=Verdict(),
    )
    rules, _ = read_rules(json.dumps(case["rules"]).encode(), refuses_header=lambda _name: False)
    cohorts = None
    if case["config"] is not None:
        cohorts = read_app_config(json.dumps(case["config"]).encode())[0].cohorts
    identity = Identity(asked["user_id"], asked["company_id"])
    ruling = Rulebook(rules).judge(call, lambda: identity, cohorts)
    headers = {name: value for name, value in ruling.headers if name != "content-type"}
    assert headers == {name.lower(): value for name, value in expect["headers"].items()}
    if not expect["blocked"]:
        assert ruling.block is None
        return
    assert ruling.block is not None
    assert (ruling.block.status, ruling.block.rule) == (expect["status"], expect["blocked_by"])
    assert (json.loads(ruling.block.body) if ruling.block.body else None) == expect["body"]
