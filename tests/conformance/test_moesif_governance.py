"""The cases of kind ``governance`` in ``moesif.json``, from the bytes of a check to its answer.

Who calls is told by the headers that the plugin names; without them it is the anonymous consumer.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from analytics.collector import Fetched
from analytics.config_fields import parse_moesif_config
from analytics.governor import Governor
from analytics.instruction_book import InstructionBook
from analytics.routing import ScopedConfig, Topology
from authsvc.annotation import Annotation
from authsvc.answer import answer
from authsvc.decision import Allow, AllowReason, Identity
from authsvc.extauthz.codec import decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.extauthz.response_wire import encode
from authsvc.governance import govern, is_refused
from authsvc.hiding import Hiding
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.store import KnownConsumer
from tests.deadline import eventually
from tests.fakes.check_requests import check_request
from tests.fakes.documents import CountingInstructions, ScriptedSource, good
from tests.fakes.entities import a_consumer

CASES: list[dict[str, Any]] = [
    case
    for case in json.loads((Path(__file__).parent / "moesif.json").read_text())
    if case["kind"] == "governance"
]
PLUGIN = {"application_id": "A", "user_id_header": "x-user", "company_id_header": "x-company"}
ANONYMOUS = Allow(
    AllowReason.ANONYMOUS,
    Policy(KeyAuthConfig()),
    Hiding(),
    Identity(KnownConsumer(a_consumer(1), ())),
)


def asked(case: dict[str, Any]) -> bytes:
    """Return the check that Envoy makes."""
    request = case["request"]
    url = urlsplit(request["uri"])
    headers = {name.lower(): value for name, value in request["headers"].items()}
    headers["x-forwarded-proto"] = url.scheme
    for name, member in {"x-user": "user_id", "x-company": "company_id"}.items():
        if request[member] is not None:
            headers[name] = request[member]
    message = check_request(
        method=request["verb"],
        path=url.path + (f"?{url.query}" if url.query else ""),
        headers=[(name, value.encode()) for name, value in headers.items()],
        body=(request["body"] or "").encode(),
    )
    message.attributes.request.http.host = url.netloc
    message.attributes.source.address.socket_address.address = request["ip_address"]
    return message.SerializeToString()


async def answered(case: dict[str, Any]) -> CheckResponse:
    """Return the answer once what Moesif says of the case is known."""
    config = Fetched(500) if case["config"] is None else good(case["config"])
    source = ScriptedSource(config=[config], rules=[good(case["rules"])])
    metrics = CountingInstructions()
    book = InstructionBook(source=source, metrics=metrics, refuses_header=is_refused)
    async with book:
        governor = Governor(book=book, metrics=metrics)
        scope = ScopedConfig(parse_moesif_config(PLUGIN))
        governor.configure([scope], credential_names=[], topology=Topology())
        await eventually(lambda: len(metrics.fetches) == 2, "what Moesif says")
        request = decode(asked(case))
        ruling = govern(governor, request, ANONYMOUS, Annotation())
        return CheckResponse.FromString(encode(answer(ANONYMOUS, request, Annotation(), ruling)))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_governance(case: dict[str, Any]) -> None:
    response, expect = await answered(case), case["expect"]
    denied, allowed = response.denied_response, response.ok_response
    told = denied.headers if expect["blocked"] else allowed.response_headers_to_add
    headers = {option.header.key: option.header.value for option in told}
    headers.pop("content-type", None)
    assert headers == {name.lower(): value for name, value in expect["headers"].items()}
    assert response.dynamic_metadata["result"] == ("deny" if expect["blocked"] else "allow")
    if not expect["blocked"]:
        assert response.status.code == 0
        assert "blocked_by" not in response.dynamic_metadata
        return
    assert response.status.code != 0
    assert denied.status.code == expect["status"]
    assert (json.loads(denied.body) if denied.body else None) == expect["body"]
    assert response.dynamic_metadata["blocked_by"] == expect["blocked_by"]
