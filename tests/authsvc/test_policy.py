"""Claims about which configuration applies."""

from dataclasses import replace

import pytest

from authsvc.annotation_rules import NOTHING_WANTED, AnnotationRules, IdSource
from authsvc.entities import Plugin, Route, Service
from authsvc.errors import PolicyError
from authsvc.policy import (
    AclConfig,
    KeyAuthConfig,
    Policy,
    PolicyBook,
    parse_acl,
    parse_key_auth,
)


def plugin(
    name: str, *, on: tuple[str | None, str | None] = (None, None), **config: object
) -> Plugin:
    route_id, service_id = on
    return Plugin(
        id="p",
        created_at=0,
        updated_at=0,
        name=name,
        config=config,
        route_id=route_id,
        service_id=service_id,
    )


ROUTES = (
    Route(id="r1", created_at=0, updated_at=0, name="orders", service_id="s1"),
    Route(id="r2", created_at=0, updated_at=0, name="users"),
    Route(id="r3", created_at=0, updated_at=0),
    Route(id="r4", created_at=0, updated_at=0, name="r1"),
)
SERVICES = (
    Service(id="s1", created_at=0, updated_at=0, host="h", name="shop"),
    Service(id="s2", created_at=0, updated_at=0, host="h"),
)


def book(*plugins: Plugin, default: KeyAuthConfig | None = None) -> PolicyBook:
    return PolicyBook.bind(default=default, plugins=plugins, routes=ROUTES, services=SERVICES)


SCOPES = book(
    plugin("key-auth-enc", on=("r1", "s1"), realm="route and service"),
    plugin("key-auth-enc", on=("r1", None), realm="route"),
    plugin("key-auth-enc", on=(None, "s1"), realm="service"),
    plugin("key-auth-enc", realm="global"),
)
# route, service: whose configuration
MOST_SPECIFIC = {
    "route with its service": ("orders", None, "route and service"),
    "route and service": ("orders", "shop", "route and service"),
    "by id": ("r1", "s1", "route and service"),
    "an id goes before a name": ("r1", None, "route and service"),
    "Envoy's service goes before the route's": ("orders", "s2", "route"),
    "service": (None, "shop", "service"),
    "route without configuration": ("users", None, "global"),
    "route without configuration, with service": ("users", "shop", "service"),
    "unknown names": ("x", "y", "global"),
    "unknown service on a known route": ("orders", "y", "route and service"),
    "nothing": (None, None, "global"),
    "empty names": ("", "", "global"),
}


@pytest.mark.parametrize("name", MOST_SPECIFIC)
def test_the_most_specific_configuration_applies(name: str) -> None:
    route, service, realm = MOST_SPECIFIC[name]
    found = SCOPES.find(route, service)
    assert found is not None
    assert found.key_auth.realm == realm
    assert SCOPES.find(route, service) is found


def test_each_plugin_is_looked_for_by_itself() -> None:
    policies = book(plugin("key-auth", on=("r1", None)), plugin("acl", allow=["a"]))
    assert policies.find("orders", None) == Policy(
        KeyAuthConfig(), AclConfig(allow=frozenset({"a"}))
    )


def test_kongs_other_name_of_the_plugin_is_the_same_plugin() -> None:
    found = book(plugin("key-auth", realm="r")).find(None, None)
    assert found is not None
    assert found.key_auth.realm == "r"


def test_a_disabled_plugin_does_not_apply() -> None:
    off = replace(plugin("key-auth-enc", on=("r1", None), realm="off"), enabled=False)
    found = book(off, plugin("key-auth-enc", realm="on")).find("orders", None)
    assert found is not None
    assert found.key_auth.realm == "on"


def test_the_default_steps_in_where_no_plugin_applies() -> None:
    default = KeyAuthConfig(realm="default")
    assert book(default=default).find("orders", None) == Policy(default)


def test_without_a_default_nothing_applies() -> None:
    assert book(plugin("acl", allow=["a"])).find("orders", None) is None


def test_an_invalid_configuration_is_an_error_each_time_and_only_where_it_applies() -> None:
    policies = book(plugin("key-auth-enc", on=("r1", None), nonsense=1), default=KeyAuthConfig())
    for _ in range(2):
        with pytest.raises(PolicyError):
            policies.find("orders", None)
    assert policies.find("users", None) is not None


def test_what_was_found_is_remembered_only_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.policy._MOST_REMEMBERED", 10)
    policies = book(default=KeyAuthConfig())
    for number in range(100):
        assert policies.find(f"route-{number}", None) == Policy(KeyAuthConfig())
    assert len(policies._found) <= 10


def test_the_defaults_are_kongs() -> None:
    assert parse_key_auth({}) == KeyAuthConfig(
        key_names=("apikey",),
        key_in_header=True,
        key_in_query=True,
        key_in_body=False,
        hide_credentials=False,
        anonymous=None,
        run_on_preflight=True,
        realm=None,
    )


def test_every_field_can_be_set() -> None:
    config = {
        "key_names": ["a", "B_c-1"],
        "key_in_header": False,
        "key_in_query": False,
        "key_in_body": True,
        "hide_credentials": True,
        "anonymous": "somebody",
        "run_on_preflight": False,
        "realm": "r",
    }
    assert parse_key_auth(config) == KeyAuthConfig(**{**config, "key_names": ("a", "B_c-1")})


BAD_NAME = "bad header name '{}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
INVALID: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "null where a value is required": (
        {"key_names": None, "key_in_body": None},
        {"key_names": "required field missing", "key_in_body": "required field missing"},
    ),
    "no array": ({"key_names": "apikey"}, {"key_names": "expected an array"}),
    "bad names": (
        {"key_names": ["ok", "a b", "", 1, "é", "a\n"]},
        {
            "key_names": [
                None,
                BAD_NAME.format("a b"),
                "length must be at least 1",
                "expected a string",
                BAD_NAME.format("é"),
                BAD_NAME.format("a\n"),
            ]
        },
    ),
    "no boolean": ({"key_in_query": "true"}, {"key_in_query": "expected a boolean"}),
    "one is no boolean": ({"hide_credentials": 1}, {"hide_credentials": "expected a boolean"}),
    "empty text": (
        {"anonymous": "", "realm": ""},
        {"anonymous": "length must be at least 1", "realm": "length must be at least 1"},
    ),
    "no text": ({"anonymous": True}, {"anonymous": "expected a string"}),
    "unknown": ({"keynames": []}, {"keynames": "unknown field"}),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_wrong_is_told_in_kongs_words(name: str) -> None:
    config, problems = INVALID[name]
    with pytest.raises(PolicyError) as raised:
        parse_key_auth(config)
    assert raised.value.fields == problems


def test_null_is_a_value_of_the_optional_fields() -> None:
    assert parse_key_auth({"anonymous": None, "realm": None, "key_names": []}) == KeyAuthConfig(
        key_names=()
    )


def test_an_acl_configuration_is_read() -> None:
    config = {"allow": ["a", "b"], "deny": None, "hide_groups_header": True}
    assert parse_acl(config) == AclConfig(allow=frozenset({"a", "b"}), hide_groups_header=True)
    assert parse_acl({"allow": [], "deny": ["a"]}) == AclConfig(deny=frozenset({"a"}))
    assert parse_acl({}) == AclConfig()


OPENING = {
    "a text is no list of groups": {"allow": "admin"},
    "an object is no list of groups": {"allow": {"admin": True}},
    "a number is no group": {"deny": [1]},
    "both lists": {"allow": ["a"], "deny": ["b"]},
}


@pytest.mark.parametrize("name", OPENING)
def test_an_acl_configuration_that_could_let_in_more_is_refused(name: str) -> None:
    with pytest.raises(PolicyError):
        parse_acl(OPENING[name])


def annotated(
    name: str, *, on: tuple[str | None, str | None] = (None, None), enabled: bool = True
) -> Plugin:
    return replace(plugin("watcher", on=on), instance_name=name, enabled=enabled)


def read_annotation(watcher: Plugin) -> AnnotationRules | None:
    """Return rules that name the plugin they are of; the one called ``broken`` has none."""
    if watcher.name != "watcher" or watcher.instance_name == "broken":
        return None
    return AnnotationRules(company_id_from=(IdSource("tags", str(watcher.instance_name)),))


WATCHED = PolicyBook.bind(
    default=None,
    plugins=(
        plugin("key-auth-enc", on=("r1", None)),
        annotated("global"),
        annotated("service", on=(None, "s1")),
        annotated("switched off", on=("r2", None), enabled=False),
        annotated("broken", on=("r3", None)),
    ),
    routes=ROUTES,
    services=SERVICES,
    annotation_of=read_annotation,
)
ANNOTATED = {
    "the route's service": ("orders", None, "service"),
    "the service": (None, "shop", "service"),
    "a plugin that is off": ("users", None, "global"),
    "a plugin that cannot be read": ("r3", None, "global"),
    "nothing that is known": ("x", "y", "global"),
}


@pytest.mark.parametrize(("route", "service", "expected"), ANNOTATED.values(), ids=ANNOTATED)
def test_the_most_specific_rules_of_what_is_told_apply(
    route: str, service: str | None, expected: str
) -> None:
    for _ in range(2):  # the second time from memory
        rules = WATCHED.annotation_rules(route, service)
        assert rules.company_id_from == (IdSource("tags", expected),)


def test_where_nobody_wants_to_be_told_nothing_is() -> None:
    assert SCOPES.annotation_rules("orders", None) is NOTHING_WANTED
    only = PolicyBook.bind(
        default=None,
        plugins=[annotated("route", on=("r1", None))],
        routes=ROUTES,
        services=SERVICES,
        annotation_of=read_annotation,
    )
    assert only.annotation_rules("users", None) is NOTHING_WANTED
