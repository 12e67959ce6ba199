"""What texts of one meaning must look like."""

import pytest

from sidecar.admin import text_checks
from sidecar.admin.kinds import TextCheck

FINE = {
    "printable": (text_checks.no_control_characters, "naïve ☃ 名前"),
    "tag with a blank": (text_checks.tag, "corp_ a"),
    "tag beyond ascii": (text_checks.tag, "🦍"),
    "name": (text_checks.name, "a.b-c_d~9ü"),
    "header": (text_checks.header_name, "X-Api_Key"),
    "path": (text_checks.path, "/a/b%20c"),
    "root": (text_checks.path, "/"),
    "regex path": (text_checks.route_path, r"~/users/\d+$"),
    "method": (text_checks.method, "PURGE"),
    "host": (text_checks.host, "api.example.com"),
    "address": (text_checks.host, "10.0.0.1"),
    "v6 address": (text_checks.host, "::1"),
    "wildcard": (text_checks.matched_host, "*.example.com"),
}


@pytest.mark.parametrize(("check", "text"), FINE.values(), ids=FINE)
def test_lets_through_what_is_fine(check: TextCheck, text: str) -> None:
    assert check(text) is None


WRONG = {
    "line end": (text_checks.no_control_characters, "a\nb", "control characters"),
    "delete": (text_checks.no_control_characters, "a\x7f", "control characters"),
    "next line": (text_checks.no_control_characters, "a\x85", "control characters"),
    "tag with a comma": (text_checks.tag, "a,b", "invalid tag 'a,b': expected printable ascii"),
    "tag with a slash": (text_checks.tag, "a/b", "invalid tag"),
    "tag with a tab": (text_checks.tag, "a\tb", "invalid tag"),
    "name with a blank": (text_checks.name, "a b", "the only accepted ascii characters"),
    "name with a line end": (text_checks.name, "a\n", "the only accepted ascii characters"),
    "name with a control character": (text_checks.name, "a\x85", "control characters"),
    "header with a blank": (text_checks.header_name, "a b", "bad header name 'a b'"),
    "host header": (text_checks.matched_header_name, "Host", "cannot contain 'host' header"),
    "relative path": (text_checks.path, "a", "should start with: /"),
    "empty segment": (text_checks.path, "/a//b", "must not have empty segments"),
    "path with a query": (text_checks.path, "/a?b", "characters outside of the reserved list"),
    "half an escape": (text_checks.path, "/a%2", "invalid url-encoded value: '%2'"),
    "route path": (text_checks.route_path, "a", "(fixed path) or ~/ (regex path)"),
    "method in lower case": (text_checks.method, "get", "invalid value: get"),
    "host with a port": (text_checks.host, "a.test:80", "must not have a port"),
    "host with a path": (text_checks.host, "a.test/x", "invalid value: a.test/x"),
    "long host": (text_checks.host, "a." * 127, "invalid value"),
    "two wildcards": (text_checks.matched_host, "*.a.*", "only one wildcard"),
    "inner wildcard": (text_checks.matched_host, "a.*.b", "leftmost or rightmost label"),
    "wildcard and port": (text_checks.matched_host, "*.a:1", "must not have a port"),
}


@pytest.mark.parametrize(("check", "text", "why"), WRONG.values(), ids=WRONG)
def test_says_what_is_wrong(check: TextCheck, text: str, why: str) -> None:
    assert why in (check(text) or "")
