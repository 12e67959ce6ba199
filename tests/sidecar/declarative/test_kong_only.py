"""What Kong and decK write by themselves does not stop an import; what would matter does."""

import pytest

from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.problems import DeclarationError

# As `deck gateway dump --with-id` writes it for a recent Kong Enterprise.
DUMP = """
_format_version: "3.0"
_workspace: default
consumer_groups:
- name: gold
consumers:
- custom_id: "42"
  groups:
  - name: gold
  id: 7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
  type: 0
  username_lower: alice
  keyauth_credentials:
  - id: 1c0c0b56-4d3a-4a1a-9b51-7f6e3c1f2a10
    key: canary
  basicauth_credentials:
  - username: a
    password: x
  username: alice
plugins:
- config:
    allow: [staff]
    always_use_authenticated_groups: false
    deny: null
    hide_groups_header: false
    include_consumer_groups: false
  enabled: true
  name: acl
  protocols: [grpc, grpcs, http, https]
- config:
    anonymous: null
    hide_credentials: false
    identity_realms:
    - {id: null, region: null, scope: cp}
    key_in_body: false
    key_names: [apikey]
    realm: null
  name: key-auth
  ordering: {before: {access: [acl]}}
  protocols: [grpc, grpcs, http, https, ws, wss]
- name: key-auth
  consumer_group: gold
services:
- host: httpbin.org
  name: httpbin
  tls_sans: null
  routes:
  - https_redirect_status_code: 426
    name: httpbin
    path_handling: v0
    paths: [/httpbin]
    request_buffering: true
    response_buffering: true
"""


def test_a_dump_of_a_recent_kong_is_taken_and_what_is_lost_is_told() -> None:
    declaration = parse_declaration(DUMP, lenient=True)
    assert set(declaration.left_out) == {
        "consumer_groups",
        "basicauth_credentials",
        "plugins: ordering",
        "plugins: key-auth",  # of a consumer group: it must not become everybody's
    }
    assert declaration.ignored == ("_workspace", "groups")
    acl, key_auth = declaration.plugins
    assert key_auth.protocols == ("grpc", "grpcs", "http", "https")
    assert "include_consumer_groups" not in acl.config
    assert declaration.count() == 6


MATTERS = {
    "groups that an ACL would not know": (
        "plugins: [{name: acl, config: {deny: [a], include_consumer_groups: true}}]",
        "include_consumer_groups",
    ),
    "a misspelt field": ("consumers: [{usernam: a, custom_id: b}]", "usernam"),
    "a field of another kind": ("services: [{name: a, host: b, username_lower: a}]", "username"),
    "a protocol alone": ("plugins: [{name: key-auth, protocols: [tcp]}]", "protocols"),
}


@pytest.mark.parametrize(("text", "field"), MATTERS.values(), ids=MATTERS.keys())
def test_what_would_let_more_pass_is_refused(text: str, field: str) -> None:
    with pytest.raises(DeclarationError, match=field):
        parse_declaration(f'_format_version: "3.0"\n{text}', lenient=True)


def test_kong_itself_knows_its_fields_and_refuses_those_of_decks() -> None:
    with pytest.raises(DeclarationError):
        parse_declaration(DUMP)
