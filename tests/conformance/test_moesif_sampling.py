"""The cases of kind ``sampling`` in ``moesif.json``."""

import json
from pathlib import Path
from typing import Any

import pytest

from analytics.app_config import read_app_config
from analytics.identify import Identity
from analytics.instructions import Instructions
from analytics.logged_call import LoggedCall
from tests.fakes.records import record

CASES: list[dict[str, Any]] = [
    case
    for case in json.loads((Path(__file__).parent / "moesif.json").read_text())
    if case["kind"] == "sampling"
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_sampling(case: dict[str, Any]) -> None:
    request, response = case["event"]["request"], case["event"]["response"]
    scheme, _, rest = request["uri"].partition("://")
    authority, slash, path = rest.partition("/")
    logged = record(
        method=request["verb"],
        scheme=scheme,
        authority=authority,
        path=slash + path,
        request_headers=request["headers"],
        client_address=request["ip_address"],
        status=response["status"],
    )
    instructions = Instructions()
    if case["config"]:
        config, flaws = read_app_config(json.dumps(case["config"]).encode())
        assert flaws == []
        instructions = Instructions(config)
    identity = Identity(case["event"]["user_id"], case["event"]["company_id"])
    call = LoggedCall(logged, trusts_headers=False)
    draw = instructions.sampling.draw(identity, call, case["random"])
    kept = draw.left_out_by is None
    assert {"kept": kept, "weight": draw.weight if kept else None} == case["expect"]
