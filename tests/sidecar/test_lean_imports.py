"""Libraries without what nobody here uses, which can be had afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

LEAN = """
import sys
from sidecar.lean_imports import import_lean
import_lean()
assert {"structlog", "prometheus_client", "msgspec"} <= set(sys.modules)
"""
LEFT_OUT = {
    "email.parser": "email.parser.Parser",
    "http.server": "http.server.HTTPServer",
    "pygments": "pygments.lexer.Lexer",
    "rich": "rich.console.Console",
    "typing_extensions": "typing_extensions.deprecated",
    "urllib.request": "urllib.request.Request",
    "wsgiref.simple_server": "wsgiref.simple_server.WSGIServer",
}
COUNTING = """
from prometheus_client import CollectorRegistry, Counter, generate_latest
registry = CollectorRegistry()
Counter("a", "b", registry=registry).inc()
assert b"a_total 1.0" in generate_latest(registry)
"""
PROTOBUF = """
import sys
from sidecar.lean_imports import import_lean_protobuf
import_lean_protobuf()
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest
from google.protobuf.internal import api_implementation
assert api_implementation.Type() == "upb"
request = CheckRequest()
request.attributes.request.http.headers["a"] = "b"
again = CheckRequest.FromString(request.SerializeToString())
assert again == request and again.attributes.request.http.headers == {"a": "b"}
assert "headers" in str(again)
assert not {"google.protobuf.text_format", "google.protobuf.internal.decoder"} & set(sys.modules)
from google.protobuf.internal import decoder, python_message
assert python_message.__file__
"""
PROTOBUF_WITHOUT_C = """
import os
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
from sidecar.lean_imports import import_lean_protobuf
import_lean_protobuf()
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest
request = CheckRequest()
request.attributes.request.http.method = "GET"
assert CheckRequest.FromString(request.SerializeToString()) == request
"""
LATE = """
import http.server, rich.console, sys
from sidecar.lean_imports import import_lean
import_lean()
import prometheus_client
assert sys.modules["rich"] is rich
assert issubclass(prometheus_client.MetricsHandler, http.server.BaseHTTPRequestHandler)
"""
OTHERWISE = """
from sidecar.lean_imports import import_without
import_without("stubborn", {"rich": None})
import rich, stubborn, stubborn.part
assert stubborn.part.rich is rich
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_can_be_imported_later(name: str) -> None:
    module, _, member = LEFT_OUT[name].rpartition(".")
    later = f"from {module} import {member}\nassert {member}.__module__.startswith('{module}')"
    run(f"{LEAN}\nassert {name!r} not in sys.modules\n{later}")


def test_what_comes_lean_counts_as_ever() -> None:
    run(LEAN + COUNTING)


def test_it_may_be_asked_for_twice() -> None:
    run(LEAN + "import_lean()" + COUNTING)


def test_protobuf_comes_without_what_it_does_not_need() -> None:
    run(PROTOBUF)


def test_protobuf_without_c_has_what_it_needs() -> None:
    run(PROTOBUF_WITHOUT_C)


def test_whoever_has_it_already_keeps_it() -> None:
    run(LATE)


def test_a_library_that_cannot_do_with_that_is_imported_as_usual(tmp_path: Path) -> None:
    package = tmp_path / "stubborn"
    package.mkdir()
    (package / "__init__.py").write_text("from stubborn import part\n")
    (package / "part.py").write_text("import rich\n")
    run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{OTHERWISE}")
