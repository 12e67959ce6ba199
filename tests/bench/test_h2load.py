"""h2load is called as it wants to be, and what it prints is understood."""

from pathlib import Path

import pytest

from bench.h2load import Outcome, Request, command, read_outcome

PRINTED = """\
Stopped all clients for thread #0

finished in 2.00s, 17168.00 req/s, 21.07MB/s
requests: 34336 total, 34464 started, 34336 done, 34330 succeeded, 3 failed, 2 errored, 1 timeout
status codes: 34336 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 42.14MB (44190849) total, 1.05MB (1098752) headers (space savings 15.79%), 39.72MB \
(41649568) data
                     min         max         mean         sd        +/- sd
time for request:     1.21ms     34.85ms      7.35ms      3.79ms    74.88%
"""


def test_what_it_prints_is_read() -> None:
    assert read_outcome(PRINTED) == Outcome(done=34336, failed=6, body_bytes=41649568)


def test_something_else_is_an_error() -> None:
    with pytest.raises(ValueError, match="value error"):
        read_outcome("-D: value error 1.5s\n")


# Bytes of bodies for ten answers of a hundred bytes, up to three more of them in flight.
BODIES = {
    "as many as there should be": (1000, 0),
    "and of some whose end did not come": (1300, 0),
    "of one that is shorter": (999, 1),
    "of half of them": (500, 5),
    "of none": (0, 10),
    "of more than can have been asked for": (1500, 5),
}


@pytest.mark.parametrize("name", BODIES)
def test_answers_of_another_size_are_wrong(name: str) -> None:
    body_bytes, wrong = BODIES[name]
    outcome = Outcome(done=10, failed=0, body_bytes=body_bytes)

    assert outcome.wrong(answer_size=100, in_flight=3) == wrong


def test_what_failed_is_wrong() -> None:
    assert Outcome(done=10, failed=2, body_bytes=1000).wrong(answer_size=100, in_flight=0) == 2


def test_a_request_with_a_body_goes_over_http2(tmp_path: Path) -> None:
    request = Request(path="/Check", headers={"te": "trailers"}, body=b"\0\1")

    argv, log = command(request, port=99, connections=4, streams=32, seconds=0.25, folder=tmp_path)

    assert argv == [
        *("h2load", "--duration=250ms", "--clients=4", "--max-concurrent-streams=32"),
        *(f"--log-file={log}", "--header=te: trailers", f"--data={tmp_path}/body"),
        "http://127.0.0.1:99/Check",
    ]
    assert (tmp_path / "body").read_bytes() == b"\0\1"


def test_one_without_goes_over_http1(tmp_path: Path) -> None:
    argv, _ = command(
        Request(path="/", headers={}), port=99, connections=8, streams=1, seconds=1, folder=tmp_path
    )

    assert "--h1" in argv
    assert not [word for word in argv if word.startswith("--data")]
