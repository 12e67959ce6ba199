import json
from typing import Any
from uuid import UUID

import pytest

from authsvc.apikey import ApiKey
from sidecar.admin.kinds import InvalidValueError
from sidecar.declarative.declaration import (
    Declaration,
    DeclaredCredential,
    SealedKey,
    keeping_expiries,
)
from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.problems import DeclarationError

FORMAT = {"_format_version": "3.0"}
NOW = 1_800_000_000.0
MY_USER = "4b1b701d-de2b-5588-9aa2-3b97061d9f52"  # as Kong derives it
TWICE = "uniqueness violation: '{}' entity with {} set to '{}' already declared"
SECRET = "a-key-that-nobody-must-see"


def parsed(text: str | None = None, **entities: Any) -> Declaration:
    document = text or json.dumps(FORMAT | entities)
    return parse_declaration(document, now=NOW)


def refused(**entities: Any) -> DeclarationError:
    with pytest.raises(DeclarationError) as error:
        parsed(**entities)
    return error.value


def fields(**entities: Any) -> Any:
    return refused(**entities).body()["fields"]


EVERYTHING = """
_format_version: "3.0"
_transform: true
_comment: for people
_info: {select_tags: [managed], defaults: {route: {strip_path: false}}}
consumers:
- username: my-user
  custom_id: "42"
  tags: [a]
  keyauth_credentials:
  - key: my-key
    ttl: 60
  acls:
  - group: staff
services:
- name: orders
  url: http://orders.internal:8080/v1
  routes:
  - name: list
    paths: [/orders]
    plugins:
    - name: acl
      config: {allow: [staff]}
  plugins:
  - name: key-auth
    config: {key_names: [apikey]}
routes:
- name: alone
keyauth_enc_credentials:
- consumer: my-user
  key: another-key
acls:
- consumer: {username: my-user}
  group: other
  _comment: why
plugins:
- name: moesif
  service: orders
  config: {application_id: an-application-id-of-moesif}
"""


def test_a_whole_file_becomes_complete_entities() -> None:
    found = parsed(EVERYTHING)
    (consumer,) = found.consumers
    assert (consumer.id, consumer.custom_id, consumer.tags) == (MY_USER, "42", ("a", "managed"))
    assert consumer.created_at == int(NOW)
    assert [(each.key, each.expires_at) for each in found.credentials] == [
        (ApiKey(b"my-key"), int(NOW) + 60),
        (ApiKey(b"another-key"), None),
    ]
    assert {each.consumer_id for each in (*found.credentials, *found.acls)} == {MY_USER}
    (service,) = found.services
    assert (service.host, service.port, service.path) == ("orders.internal", 8080, "/v1")
    listed, alone = sorted(found.routes, key=lambda each: each.name or "", reverse=True)
    assert (listed.service_id, listed.strip_path, alone.service_id) == (service.id, False, None)
    scopes = {each.name: (each.route_id, each.service_id) for each in found.plugins}
    assert scopes == {
        "acl": (listed.id, None),
        "key-auth": (None, service.id),
        "moesif": (None, service.id),
    }
    assert found.ignored == ("_info",)
    assert found.select_tags == ("managed",)


def test_ids_are_those_that_kong_derives() -> None:
    found = parsed(
        consumers=[{"username": "my-user", "acls": [{"group": "g"}]}],
        acls=[{"consumer": "my-user", "group": "h"}],
    )
    assert found.consumers[0].id == MY_USER
    # uuid5(uuid5("fd02801f-…", "acls"), "acls:*:<consumer>:<group>"): nested by the consumer's id
    assert found.acls[0].id != found.acls[1].id
    assert parsed(acls=[{"consumer": "my-user", "group": "h"}], consumers=[{"username": "my-user"}])
    assert all(UUID(each.id).version == 5 for each in found.acls)
    assert found.given_ids == frozenset()


def test_an_id_is_the_same_each_time_whatever_the_key() -> None:
    def ids(*keys: str) -> list[str]:
        found = parsed(
            consumers=[{"custom_id": "c", "keyauth_credentials": [{"key": k} for k in keys]}]
        )
        return [found.consumers[0].id, *(each.id for each in found.credentials)]

    assert ids("one", "two") == ids("three", "four")
    assert len(set(ids("one", "two"))) == 3


def test_an_id_that_is_given_is_kept() -> None:
    given = "11111111-1111-4111-8111-11111111ABCD"
    found = parsed(consumers=[{"id": given, "username": "a", "acls": [{"group": "g"}]}])
    assert found.consumers[0].id == given.lower()
    assert found.acls[0].consumer_id == given.lower()
    assert found.given_ids == {given.lower()}


REFERENCES = {
    "a name": "a",
    "an id": "11111111-1111-4111-8111-111111111111",
    "an object with an id": {"id": "11111111-1111-4111-8111-111111111111"},
    "an object with a name": {"username": "a"},
    "an object with another name": {"custom_id": "c"},
}


@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
def test_a_reference_is_a_name_or_an_id(reference: object) -> None:
    found = parsed(
        consumers=[
            {"username": "a", "id": "11111111-1111-4111-8111-111111111111", "custom_id": "c"},
            {"username": "c"},
        ],
        keyauth_credentials=[{"consumer": reference, "key": "k"}],
    )
    assert found.credentials[0].consumer_id == "11111111-1111-4111-8111-111111111111"


def test_a_nested_entity_belongs_to_what_it_is_nested_in() -> None:
    fine = parsed(consumers=[{"username": "a", "acls": [{"group": "g", "consumer": "a"}]}])
    assert fine.acls[0].consumer_id == fine.consumers[0].id
    stolen = [{"username": "a"}, {"username": "b", "acls": [{"group": "g", "consumer": "a"}]}]
    assert fields(consumers=stolen) == {
        "consumers": [None, {"acls": [{"consumer": "value must be null"}]}]
    }


def test_every_version_of_the_format_is_read_and_no_other() -> None:
    for version in ("1.1", "2.1", "3.0"):
        assert parsed(f'_format_version: "{version}"').format_version == version
    assert fields(_format_version="4") == {"_format_version": "expected one of: 1.1, 2.1, 3.0"}
    assert fields(_format_version=3.0) == {"_format_version": "expected a string"}
    assert fields(_format_version=None) == {"_format_version": "required field missing"}


WRONG = {
    "an entity that is none": ({"consumers": ["a"]}, {"consumers": ["expected a record"]}),
    "a list that is none": ({"consumers": {}}, {"consumers": "expected an array"}),
    "something unknown": ({"upstreams": []}, {"upstreams": "unknown field"}),
    "an unknown field": (
        {"consumers": [{"username": "a", "colour": "red"}]},
        {"consumers": [{"colour": "unknown field"}]},
    ),
    "a nested list that is none": (
        {"consumers": [{"username": "a", "acls": 5}]},
        {"consumers": [{"acls": "expected an array"}]},
    ),
    "a bad ttl": (
        {"consumers": [{"username": "a", "keyauth_credentials": [{"key": "k", "ttl": -1}]}]},
        {
            "consumers": [
                {"keyauth_credentials": [{"ttl": "must be an integer between 0 and 100000000"}]}
            ]
        },
    ),
    "an unknown plugin": (
        {"plugins": [{"name": "cors"}]},
        {
            "plugins": [
                {
                    "name": "plugin 'cors' not enabled; "
                    "add it to the 'plugins' configuration property"
                }
            ]
        },
    ),
    "a plugin for a consumer": (
        {"consumers": [{"username": "a", "plugins": [{"name": "key-auth"}]}]},
        {"consumers": [{"plugins": [{"consumer": "value must be null"}]}]},
    ),
    "one name twice": (
        {"consumers": [{"username": "a"}, {"username": "a"}]},
        {
            "consumers": [
                None,
                TWICE.format("consumers", "username", "a"),
            ]
        },
    ),
    "one custom id twice": (
        {"consumers": [{"username": "a", "custom_id": "c"}, {"username": "b", "custom_id": "c"}]},
        {
            "consumers": {
                "b": TWICE.format("consumers", "custom_id", "c"),
            }
        },
    ),
    "both names of key authentication in one scope": (
        {"plugins": [{"name": "key-auth"}, {"name": "key-auth-enc"}]},
        {
            "plugins": [
                None,
                TWICE.format("plugins", "name", "key-auth-enc"),
            ]
        },
    ),
    "a reference to nothing": (
        {"routes": [{"name": "r", "service": "nope"}]},
        {"routes": {"r": ["invalid reference 'service: nope' (no such entry in 'services')"]}},
    ),
}


@pytest.mark.parametrize(("entities", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_the_shape_of_the_file(entities: Any, expected: Any) -> None:
    assert fields(**entities) == expected


def test_everything_that_is_wrong_is_told_at_once_with_its_place() -> None:
    error = refused(
        consumers=[{"username": "bob", "tags": "a,b"}, {}],
        services=[{"name": "s", "routes": [{"name": "r", "methods": ["get"]}]}],
    )
    assert str(error).splitlines() == [
        "consumers[1] (bob): tags: expected a set",
        "consumers[2]: at least one of these fields must be non-empty: 'custom_id', 'username'",
        "services[1] (s): host: required field missing",
        "services[1].routes[1] (r): methods.1: invalid value: get",
    ]


def test_of_many_mistakes_the_first_are_told() -> None:
    lines = str(refused(consumers=[{}] * 50)).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 30 more")


HIDING = {
    "a key twice": {
        "consumers": [{"username": "a"}],
        "keyauth_credentials": [{"consumer": "a", "key": SECRET}] * 2,
    },
    "a reference to nobody": {"keyauth_credentials": [{"consumer": "b", "key": SECRET}]},
    "a key in the wrong place": {"consumers": [{"username": "a", "keyauth_credentials": SECRET}]},
    "a key for a credential": {"consumers": [{"username": "a", "keyauth_credentials": [SECRET]}]},
    "a key under a wrong name": {
        "consumers": [{"username": "a", "keyauth_credentials": [{"kye": SECRET}]}]
    },
    "a key as a name": {"consumers": [{"username": "a", "keyauth_credentials": [{SECRET: None}]}]},
    "keys under a wrong name": {
        "consumers": [{"username": "a", "keyauth_credential": [{"key": SECRET}]}]
    },
    "a bad neighbour": {
        "consumers": [{"username": "a", "keyauth_credentials": [{"key": SECRET, "tags": 5}]}]
    },
    "a secret of a plugin": {
        "plugins": [{"name": "moesif", "config": {"application_id": SECRET, "x": 1}}]
    },
    "the whole file": SECRET,
}


@pytest.mark.parametrize("entities", HIDING.values(), ids=HIDING)
def test_no_error_shows_a_key(entities: Any) -> None:
    text = entities if isinstance(entities, str) else json.dumps(FORMAT | entities)
    with pytest.raises(DeclarationError) as error:
        parse_declaration(text)
    told = [str(error.value), repr(error.value), json.dumps(error.value.body(flatten=True))]
    assert not [text for text in told if SECRET in text]


def test_flattened_errors_name_each_entity_and_leave_the_fields() -> None:
    owner = "11111111-1111-4111-8111-111111111111"
    error = refused(
        consumers=[
            {
                "id": owner,
                "username": "c",
                "keyauth_credentials": [{"key": 1, "tags": ["t"], "enabled": 0}],
            },
            {"tags": ["x"]},
        ],
        colour="red",
    )
    body = error.body(flatten=True)
    assert body["fields"] == {"colour": "unknown field"}
    assert body["flattened_errors"] == [
        {
            "entity_type": "keyauth_credential",
            "entity_tags": ["t"],
            "entity": {"tags": ["t"], "enabled": 0, "consumer": {"id": owner}},
            "errors": [
                {"type": "field", "field": "key", "message": "expected a string"},
                {"type": "field", "field": "enabled", "message": "expected a boolean"},
            ],
        },
        {
            "entity_type": "consumer",
            "entity_tags": ["x"],
            "entity": {"tags": ["x"]},
            "errors": [
                {
                    "type": "entity",
                    "message": "at least one of these fields must be non-empty: "
                    "'custom_id', 'username'",
                }
            ],
        },
    ]


def test_a_credential_without_a_key_gets_one() -> None:
    found = parsed(consumers=[{"username": "a", "keyauth_credentials": [{}, {"key": None}]}])
    keys = [each.key for each in found.credentials]
    assert keys[0] != keys[1]
    assert "***" in repr(keys)


def test_a_reader_of_keys_may_open_them_or_leave_them_sealed() -> None:
    def read(text: str, *, transform: bool) -> str | SealedKey:
        assert transform is False
        if text == "bad":
            raise InvalidValueError("cannot be opened")
        return SealedKey(text) if text.startswith("$sealed$") else text.upper()

    def keys(*texts: str) -> tuple[DeclaredCredential, ...]:
        document = {
            "_format_version": "3.0",
            "_transform": False,
            "consumers": [{"username": "a", "keyauth_credentials": [{"key": k} for k in texts]}],
        }
        return parse_declaration(json.dumps(document), keys=read).credentials

    sealed, opened = keys("$sealed$x", "k")
    assert sealed.key == SealedKey("$sealed$x")
    assert opened.key == ApiKey(b"K")
    assert "$sealed$x" not in repr(sealed)
    with pytest.raises(DeclarationError, match="key: cannot be opened"):
        keys("bad")


def test_what_only_kong_has_is_left_out_where_that_is_asked_for() -> None:
    document = {
        "_format_version": "3.0",
        "upstreams": [{"name": "u"}],
        "plugins": [{"name": "cors"}, {"name": "key-auth"}],
        "consumers": [
            {"username": "a", "basicauth_credentials": [{"username": "x"}], "groups": []},
        ],
    }
    found = parse_declaration(json.dumps(document), lenient=True)
    assert found.left_out == ("upstreams", "plugins: cors", "basicauth_credentials")
    assert found.ignored == ("groups",)
    assert found.count() == 2


def test_a_file_that_is_read_again_does_not_prolong_a_ttl() -> None:
    def file(now: float, **credential: Any) -> Declaration:
        document = {
            "_format_version": "3.0",
            "consumers": [
                {"username": "a", "keyauth_credentials": [{"key": "other"}, credential]},
            ],
        }
        return parse_declaration(json.dumps(document), now=now)

    def end(new: Declaration, old: Declaration) -> int | None:
        return keeping_expiries(new, old).credentials[-1].expires_at

    first = file(NOW, key="k", ttl=60)
    assert end(file(NOW + 30, key="k", ttl=60), first) == NOW + 60
    assert end(file(NOW + 90, key="k", ttl=60), first) == NOW + 60
    assert end(file(NOW + 30, key="k", ttl=61), first) == NOW + 91
    assert end(file(NOW + 30, key="l", ttl=60), first) == NOW + 90
    assert end(file(NOW + 30, key="k"), first) is None


def test_equal_texts_have_equal_digests_and_others_do_not() -> None:
    assert parsed().digest == parsed().digest != parsed(consumers=[]).digest
    assert len(parsed().digest) == 32
