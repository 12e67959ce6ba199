"""``python -m tests.fuzz.http2 --seconds 60``: the fast lane under bytes that atheris makes up.

What is claimed of every input: nothing is raised, however the bytes are split the same comes out,
nothing is left behind, the header decoder agrees with another one, and an answer that was prepared
is that of the whole way. The first byte of an input says which of these it is for.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["authsvc.extauthz"]):
    from authsvc.answer import answer_to
    from authsvc.extauthz.codec import CodecError, decode
    from authsvc.extauthz.fastlane import frames as f
    from authsvc.extauthz.fastlane.connection import Connection
    from authsvc.extauthz.fastlane.faults import ConnectionFault
    from authsvc.extauthz.fastlane.hpack import Decoder
    from authsvc.extauthz.fastlane.limits import Limits
    from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
    from authsvc.extauthz.prepared import PreparedAnswers, Refusal
    from authsvc.extauthz.response_wire import encode

from hpack import Decoder as OtherDecoder
from hpack import HPACKError

from authsvc.policy import KeyAuthConfig
from tests.fakes.authenticator import make_authenticator
from tests.fakes.check_requests import check_request
from tests.fakes.http2_peer import HEADERS, Echo, Encoder, split

LIMITS = Limits(message_size=1000, received=70_000, unsent=5000, header_list_size=2000, streams=5)
MAX_LIST = 10_000
REQUEST_ID = re.compile(r"request_?id\W+[0-9a-f-]{32,36}")


def engine(data: bytes) -> None:
    """Say some bytes to two connections, to one of them in pieces."""
    if not data:
        return
    how, said = data[0], f.PREFACE + f.settings({}) + data[1:]
    assert talk(how, [said]) == talk(how, pieces(said, 1 + how % 40))


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def talk(how: int, said: list[bytes]) -> list[object]:
    """Return all that a new connection says and does, and check what is left of it."""
    gradual = bool(how & 0x80)
    echo = Echo(gradual=gradual, at_once=bool(how & 0x40) and not gradual)
    connection = echo.connection = Connection(requests=echo, limits=LIMITS, now=0.0)
    heard = b""
    for part in said:
        connection.receive(part, 0.0)
        heard += connection.outbox.take()
    for stream in list(connection._streams.values()):
        assert 0 <= stream.held <= LIMITS.received
    waiting = connection._streams.values()
    assert connection.outbox._unsent == sum(len(data) for s in waiting for data in s.unsent)
    connection.tick(LIMITS.request_seconds)
    connection.abandon()
    assert connection.streams == 0
    assert connection.outbox._unsent == 0
    return [split(heard), echo.wholes, b"".join(echo.parts), connection.is_ended]


def headers(data: bytes) -> None:
    """Decode some blocks twice."""
    ours, theirs = Decoder(max_list_size=MAX_LIST), OtherDecoder(max_header_list_size=MAX_LIST)
    for block in data.split(b"\xfe\xff"):
        try:
            found = ours.decode(block)
        except ConnectionFault:
            return  # we may be stricter, and then it is over
        try:
            expected = theirs.decode(block, raw=True)
        except HPACKError as error:
            raise AssertionError("a block that another decoder refuses") from error
        assert found == [(name, value) for name, value in expected]
        assert ours._size <= ours._max_size


_AUTHENTICATORS = [
    make_authenticator(config, key="good")
    for config in (
        KeyAuthConfig(),
        KeyAuthConfig(hide_credentials=True, run_on_preflight=False),
        KeyAuthConfig(key_in_body=True, key_names=("apikey", "X-Key")),
    )
]


def checks(data: bytes) -> None:
    """Read a message, and compare what was prepared with the whole way."""
    for authenticator in _AUTHENTICATORS:
        prepared = PreparedAnswers(authenticator)
        try:
            request = decode(data)
        except CodecError:
            assert not prepared.find(data)
            continue
        decision = authenticator.decide_now(request)
        assert decision is not None
        decided = answer_to(decision, request, authenticator)
        answer = encode(decided)
        assert not prepared.find(data)
        prepared.offer(request, decision, decided, answer)
        for found in (prepared.find(data), prepared.find_for(request)):
            reply = found.reply if isinstance(found, Refusal) else found
            assert not reply or told(reply) == told(answer)


def told(reply: bytes) -> CheckResponse:
    """Return what an answer says, without the id that each denial has anew."""
    response = CheckResponse.FromString(reply)
    if response.HasField("denied_response"):
        denied = response.denied_response
        denied.body = REQUEST_ID.sub("", denied.body)
    return response


TARGETS: list[Callable[[bytes], None]] = [engine, headers, checks]


def one(data: bytes) -> None:
    """Give an input to whom it is for."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def seeds() -> list[bytes]:
    """Return inputs to begin with."""
    block = Encoder().encode(HEADERS)
    request = f.frame(f.HEADERS, f.END_HEADERS, 1, block) + f.frame(f.DATA, f.END_STREAM, 1, b"hi")
    said = [
        request,
        f.settings({f.INITIAL_WINDOW_SIZE: 1, f.HEADER_TABLE_SIZE: 0}) + request,
        f.frame(f.HEADERS, 0, 1, block[:3]) + f.frame(f.CONTINUATION, 4, 1, block[3:]),
        request + f.window_update(1, 5) + f.rst_stream(1, 8) + f.frame(f.PING, 0, 0, bytes(8)),
    ]
    asked = [
        check_request(headers=[("apikey", b"good")], path="/?apikey=good", host="example.com"),
        check_request(method="OPTIONS", raw=False, headers=[("x-key", b"good")], body=b"apikey=a"),
    ]
    return [
        *(bytes((0, how)) + each for each in said for how in (0x03, 0x41, 0x85)),
        b"\x01" + block + b"\xfe\xff" + block,
        *(b"\x02" + each.SerializeToString() for each in asked),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.http2", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", help="a folder to keep the inputs in that led anywhere new")
    options = parser.parse_args()
    if options.corpus is None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
            again = (sys.executable, "-m", "tests.fuzz.http2", "--corpus", corpus)
            sys.exit(subprocess.call([*again, "--seconds", str(options.seconds)]))
    for number, seed in enumerate(seeds()):
        (Path(options.corpus) / f"seed-{number}").write_bytes(seed)
    arguments = (f"-max_total_time={options.seconds}", "-max_len=4096", "-timeout=20")
    artifacts = f"-artifact_prefix={tempfile.gettempdir()}/fuzz-http2-"
    atheris.Setup([sys.argv[0], *arguments, artifacts, options.corpus], one)
    atheris.Fuzz()  # ends the process: nothing after it is done


if __name__ == "__main__":
    main()
