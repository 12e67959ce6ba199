"""Claims about verdicts: every reason has an answer, and is documented with it."""

import re
from pathlib import Path

import pytest

from authsvc.answer import answer
from authsvc.decision import AllowReason, Deny, DenyReason, Unavailable
from authsvc.denial import Denial, render
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.extauthz.response_wire import encode
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.request import Request

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reasons.md"
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (.+?) \|", re.MULTILINE)
POLICY = Policy(KeyAuthConfig(anonymous="…"))
REQUEST = Request(method="GET", path="/", headers=(("accept", b"text/plain"),))

REFUSALS: dict[str, Deny | Unavailable] = {
    **{str(reason): Deny(reason, POLICY) for reason in DenyReason},
    "store_unavailable": Unavailable(),
}


def rendered(reason: str) -> Denial:
    return render(REFUSALS[reason], REQUEST)


def test_every_refusal_is_documented_with_its_status_and_message() -> None:
    documented = {reason: (int(status), text) for reason, status, text in ROW.findall(_text())}
    told = {
        reason: (rendered(reason).status, rendered(reason).body.splitlines()[0])
        for reason in REFUSALS
    }
    assert told == documented


def test_every_reason_to_allow_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", _text(), re.MULTILINE)
    assert documented == [str(reason) for reason in AllowReason]


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_refusal_is_an_error_for_whoever_reads_it(reason: str) -> None:
    assert rendered(reason).status >= 400
    response = CheckResponse.FromString(encode(answer(REFUSALS[reason], REQUEST)))
    assert response.status.code != 0
    assert not response.HasField("ok_response")
    headers = (("content-type", b"application/grpc"),)
    grpc_request = Request(method="POST", path="/", headers=headers)
    assert int(dict(render(REFUSALS[reason], grpc_request).headers)["grpc-status"]) > 0


@pytest.mark.parametrize("decision", [Deny(DenyReason.UNKNOWN_KEY), Unavailable()])
def test_a_decision_cannot_be_changed(decision: Deny | Unavailable) -> None:
    with pytest.raises(AttributeError):
        decision.reason = AllowReason.KEY  # type: ignore[assignment,misc]  # the claim


def test_nothing_is_said_of_a_client_by_its_key_state() -> None:
    assert rendered("unknown_key").status == rendered("expired_key").status
    assert rendered("unknown_key").headers == rendered("expired_key").headers
    assert (
        rendered("unknown_key").body.splitlines()[0] == rendered("expired_key").body.splitlines()[0]
    )


def _text() -> str:
    return DOCUMENT.read_text()
