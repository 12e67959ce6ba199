"""Settings: every field from every source, in the right order, and errors that name, not show."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.secret import Secret
from sidecar.settings import FIELDS, Settings, SettingsError, load, redacted, value_of
from tests.fakes.certificates import Authority
from tests.fakes.ring import recovery_pair

ROOT_KEY = base64.b64encode(bytes(range(32))).decode()
CANARY = "canary4711"


@pytest.fixture
def root_key_file(tmp_path: Path) -> Path:
    return written(tmp_path / "root.key", ROOT_KEY)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return written(tmp_path / "token", "a-token-that-is-long-enough")


@pytest.fixture
def recovery_key_file(tmp_path: Path) -> Path:
    return written(tmp_path / "recovery.pub", recovery_pair()[0])


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def from_yaml(tmp_path: Path, document: str, environ: Mapping[str, str] | None = None) -> Settings:
    return load(config=written(tmp_path / "config.yaml", document), environ=environ or {})


def from_environ(**environ: str) -> Settings:
    return load(config=None, environ={f"TOLLKEEPER_{name}": text for name, text in environ.items()})


# name -> the value in YAML, the text in the environment, what comes of both
EXAMPLES: dict[str, tuple[Any, str, Any]] = {
    "data_dir": ("/data", "/data", "/data"),
    "database.url": (
        "postgresql://u:p@h/d",
        "postgresql://u:p@h/d",
        Secret("postgresql://u:p@h/d"),
    ),
    "database.pool_size": (3, "3", 3),
    "database.migrate": (False, "false", False),
    "declarative_config": ("/kong.yaml", "/kong.yaml", "/kong.yaml"),
    "keyring.root_key_file": ("{root_key}", "{root_key}", "{root_key}"),
    "keyring.root_key_source": ("environment", "environment", "environment"),
    "keyring.root_key_base64": (ROOT_KEY, ROOT_KEY, Secret(ROOT_KEY)),
    "keyring.vault_url": ("https://v:8200", "https://v:8200", "https://v:8200"),
    "keyring.vault_token": ("t", "t", Secret("t")),
    "keyring.vault_mount": ("kv", "kv", "kv"),
    "keyring.vault_path": ("a/b", "a/b", "a/b"),
    "keyring.vault_field": ("f", "f", "f"),
    "keyring.aws_region": ("eu-west-1", "eu-west-1", "eu-west-1"),
    "keyring.aws_endpoint": ("http://k", "http://k", "http://k"),
    "keyring.recovery_public_key_file": ("{recovery}", "{recovery}", "{recovery}"),
    "keyring.declarative_private_key_file": ("/seal.pem", "/seal.pem", "/seal.pem"),
    "keyring.rotate_after_days": (90, "90", 90),
    "authsvc.grpc": ("unix:/run/a", "unix:/run/a", "unix:/run/a"),
    "authsvc.http": (None, "null", None),
    "authsvc.tls.cert_file": ("{cert}", "{cert}", "{cert}"),
    "authsvc.tls.key_file": ("{key}", "{key}", "{key}"),
    "authsvc.tls.client_ca_file": ("{ca}", "{ca}", "{ca}"),
    "authsvc.max_connection_age": (600, "600", 600),
    "authsvc.transport": ("grpcio", "grpcio", "grpcio"),
    "authsvc.workers": (4, "4", 4),
    "authsvc.default_plugin": (
        {"key_names": ["k"]},
        '{"key_names": ["k"]}',
        {"key_names": ["k"]},
    ),
    "analytics.grpc": ("[::1]:7000", "[::1]:7000", "[::1]:7000"),
    "analytics.spool_max_bytes": (2000000, "2000000", 2000000),
    "analytics.spool_max_age_hours": (24, "24", 24),
    "admin.listen": (None, "", None),
    "admin.token_file": ("{token}", "{token}", "{token}"),
    "admin.cors_origins": (
        ["https://a.example", "http://b:1"],
        "https://a.example, http://b:1",
        ("https://a.example", "http://b:1"),
    ),
    "admin.reveal_keys": (False, "false", False),
    "admin.tls.cert_file": ("{cert}", "{cert}", "{cert}"),
    "admin.tls.key_file": ("{key}", "{key}", "{key}"),
    "admin.tls.client_ca_file": ("{ca}", "{ca}", "{ca}"),
    "diagnostics.listen": ("0.0.0.0:1", "0.0.0.0:1", "0.0.0.0:1"),
    "log.level": ("debug", "debug", "debug"),
    "log.format": ("text", "text", "text"),
}
# What else must be set for the example to be allowed.
COMPANIONS = {
    "database.url": {"keyring.root_key_file": "{root_key}"},
    "keyring.root_key_source": {"keyring.root_key_base64": ROOT_KEY},
    "authsvc.tls.cert_file": {"authsvc.tls.key_file": "{key}"},
    "authsvc.tls.key_file": {"authsvc.tls.cert_file": "{cert}"},
    "authsvc.tls.client_ca_file": {
        "authsvc.tls.cert_file": "{cert}",
        "authsvc.tls.key_file": "{key}",
    },
    "admin.tls.cert_file": {"admin.tls.key_file": "{key}"},
    "admin.tls.key_file": {"admin.tls.cert_file": "{cert}"},
    "admin.tls.client_ca_file": {
        "admin.tls.cert_file": "{cert}",
        "admin.tls.key_file": "{key}",
    },
}


def test_every_setting_has_an_example() -> None:
    assert set(EXAMPLES) == set(FIELDS)


@pytest.fixture
def places(
    root_key_file: Path,
    token_file: Path,
    recovery_key_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    pair = authority.issue("server")
    return {
        "{root_key}": str(root_key_file),
        "{token}": str(token_file),
        "{recovery}": str(recovery_key_file),
        "{cert}": str(pair.cert),
        "{key}": str(pair.key),
        "{ca}": str(authority.cert),
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_can_come_from_the_file(
    tmp_path: Path, places: dict[str, str], name: str
) -> None:
    value, _, expected = EXAMPLES[name]
    settings = from_yaml(
        tmp_path, yaml.safe_dump(nested({name: value} | COMPANIONS.get(name, {}), places))
    )
    assert value_of(settings, name) == places.get(str(expected), expected)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_can_come_from_the_environment(
    tmp_path: Path, places: dict[str, str], name: str
) -> None:
    _, text, expected = EXAMPLES[name]
    companions = nested(COMPANIONS.get(name, {}), places)
    environ = {FIELDS[name].variable: places.get(text, text)}
    settings = from_yaml(tmp_path, yaml.safe_dump(companions), environ)
    assert value_of(settings, name) == places.get(str(expected), expected)


def nested(given: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in given.items():
        *sections, field = name.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[field] = places.get(str(value), value)
    return document


def test_without_anything_the_defaults_are_those_of_the_contract() -> None:
    assert yaml.safe_load(redacted(load(config=None, environ={}))) == {
        "data_dir": "./var",
        "database": {"url": None, "pool_size": 8, "migrate": True},
        "declarative_config": None,
        "keyring": {
            "root_key_source": "file",
            "root_key_file": None,
            "root_key_base64": None,
            "vault_url": None,
            "vault_token": None,
            "vault_mount": None,
            "vault_path": None,
            "vault_field": "root_key",
            "aws_region": None,
            "aws_endpoint": None,
            "recovery_public_key_file": None,
            "declarative_private_key_file": None,
            "rotate_after_days": None,
        },
        "authsvc": {
            "grpc": "127.0.0.1:9191",
            "http": "127.0.0.1:9192",
            "transport": "fastlane",
            "tls": {"cert_file": None, "key_file": None, "client_ca_file": None},
            "max_connection_age": None,
            "workers": 1,
            "default_plugin": {},
        },
        "analytics": {
            "grpc": "127.0.0.1:9193",
            "spool_max_bytes": 1073741824,
            "spool_max_age_hours": 168,
        },
        "admin": {
            "listen": "127.0.0.1:8001",
            "token_file": None,
            "cors_origins": [],
            "reveal_keys": None,
            "tls": {"cert_file": None, "key_file": None, "client_ca_file": None},
        },
        "diagnostics": {"listen": "127.0.0.1:9190"},
        "log": {"level": "info", "format": "json"},
    }


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", "authsvc: {workers: 2}\nlog: {level: error, format: text}")
    environ = {"TOLLKEEPER_AUTHSVC__WORKERS": "3", "TOLLKEEPER_LOG__LEVEL": "warning"}
    settings = load(config=file, environ=environ, flags={"authsvc.workers": 5})
    assert (settings.authsvc.workers, settings.log.level, settings.log.format) == (
        5,
        "warning",
        "text",
    )


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", "log: {level: error}")
    assert from_environ(CONFIG=str(file)).log.level == "error"


def test_a_file_that_is_given_wins_over_the_one_in_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", "log: {level: error}")
    settings = load(config=file, environ={"TOLLKEEPER_CONFIG": "/nowhere"})
    assert settings.log.level == "error"


def test_how_the_program_was_built_is_no_setting() -> None:
    assert from_environ(MYPYC="1") == from_environ()


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert from_yaml(tmp_path, "# nothing yet\n") == load(config=None, environ={})


def test_a_secret_may_stand_in_a_file(tmp_path: Path, root_key_file: Path) -> None:
    file = written(tmp_path / "url", "postgresql://u:p@h/d\n")
    settings = from_environ(DATABASE__URL_FILE=str(file), KEYRING__ROOT_KEY_FILE=str(root_key_file))
    assert settings.database.url == Secret("postgresql://u:p@h/d")


@pytest.mark.parametrize("shown", [repr, str, redacted])
def test_settings_never_show_their_secrets(root_key_file: Path, shown: Any) -> None:
    settings = from_environ(
        DATABASE__URL=f"postgresql://u:{CANARY}@h/d", KEYRING__ROOT_KEY_FILE=str(root_key_file)
    )
    assert CANARY not in shown(settings)


def test_what_is_shown_tells_that_there_is_a_url(root_key_file: Path) -> None:
    settings = from_environ(
        DATABASE__URL="postgres://u:p@h/d", KEYRING__ROOT_KEY_FILE=str(root_key_file)
    )
    assert yaml.safe_load(redacted(settings))["database"]["url"] == "postgres://***"


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "an integer": ({"AUTHSVC__WORKERS": CANARY}, "authsvc.workers"),
    "an integer, almost": ({"AUTHSVC__WORKERS": "1_0"}, "authsvc.workers"),
    "an integer that is missing": ({"DATABASE__POOL_SIZE": ""}, "database.pool_size"),
    "too few": ({"DATABASE__POOL_SIZE": "0"}, "database.pool_size"),
    "too many": ({"DATABASE__POOL_SIZE": "10001"}, "database.pool_size"),
    "below zero": ({"AUTHSVC__WORKERS": "-1"}, "authsvc.workers"),
    "a truth value": ({"DATABASE__MIGRATE": CANARY}, "database.migrate"),
    "a truth value, almost": ({"DATABASE__MIGRATE": "1"}, "database.migrate"),
    "one of a few": ({"LOG__LEVEL": CANARY}, "log.level"),
    "one of two": ({"LOG__FORMAT": CANARY}, "log.format"),
    "a text that must be there": ({"DATA_DIR": ""}, "data_dir"),
    "a mapping": ({"AUTHSVC__DEFAULT_PLUGIN": f"[{CANARY}]"}, "authsvc.default_plugin"),
    "a mapping, almost": ({"AUTHSVC__DEFAULT_PLUGIN": f"{{{CANARY}"}, "authsvc.default_plugin"),
    "an address": ({"AUTHSVC__GRPC": CANARY}, "authsvc.grpc"),
    "a port": ({"ADMIN__LISTEN": f"{CANARY}:x"}, "admin.listen"),
    "a database": ({"DATABASE__URL": f"mysql://u:{CANARY}@h/d"}, "database.url"),
    "a port of a database": ({"DATABASE__URL": f"postgresql://u:{CANARY}@h:x/d"}, "database.url"),
    "a file of keys": ({"KEYRING__ROOT_KEY_FILE": f"/no/{CANARY}"}, "keyring.root_key_file"),
    "a file of tokens": ({"ADMIN__TOKEN_FILE": f"/no/{CANARY}"}, "admin.token_file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_an_error_that_names_the_setting_both_ways_and_shows_no_value(
    case: str,
) -> None:
    environ, name = WRONG[case]
    with pytest.raises(SettingsError) as caught:
        from_environ(**environ)
    text = str(caught.value)
    assert text.startswith(f"{name} ({FIELDS[name].variable}): ")
    assert CANARY not in text
    assert "\n" not in text
    assert caught.value.__cause__ is None


EXPECTED = {
    "AUTHSVC__WORKERS": "expected a whole number from 0 to 1024",
    "KEYRING__ROTATE_AFTER_DAYS": "expected a whole number from 1 to 3650, or null",
    "AUTHSVC__MAX_CONNECTION_AGE": "expected a whole number of 1 or more, or null",
}


@pytest.mark.parametrize("variable", EXPECTED)
def test_a_wrong_number_is_told_what_it_may_be(variable: str) -> None:
    with pytest.raises(SettingsError, match=EXPECTED[variable]):
        from_environ(**{variable: "-1"})


WRONG_YAML: dict[str, tuple[str, str]] = {
    "a text for a number": (f"authsvc: {{workers: {CANARY}}}", "authsvc.workers (TOLL"),
    "a truth value for a number": ("authsvc: {workers: true}", "authsvc.workers (TOLL"),
    "a fraction": ("authsvc: {workers: 1.5}", "authsvc.workers (TOLL"),
    "null for a number": ("authsvc: {workers: null}", "authsvc.workers (TOLL"),
    "a number for a text": ("admin: {listen: 8001}", "admin.listen (TOLL"),
    "a text for a truth value": ('database: {migrate: "true"}', "database.migrate (TOLL"),
    "a bare off": ("database: {url: off}", "put it in quotes"),
    "a section that is a value": (f"authsvc: {CANARY}", "authsvc: expected a section"),
    "a section that is empty": ("authsvc:\n", "authsvc: expected a section"),
    "not a mapping": (f"[{CANARY}]", "expected settings by name"),
}


@pytest.mark.parametrize("case", WRONG_YAML)
def test_a_wrong_value_in_the_file_is_an_error_too(tmp_path: Path, case: str) -> None:
    document, told = WRONG_YAML[case]
    with pytest.raises(SettingsError) as caught:
        from_yaml(tmp_path, document)
    assert told in str(caught.value)
    assert CANARY not in str(caught.value)


UNKNOWN_YAML = {
    "authsvc: {worker: 1}": "authsvc.worker (did you mean authsvc.workers?)",
    "autsvc: {workers: 1}": "autsvc (did you mean authsvc?)",
    "pool_size: 1": "pool_size (did you mean database.pool_size?)",
    "nonsense: 1": "nonsense",
}


@pytest.mark.parametrize("document", UNKNOWN_YAML)
def test_an_unknown_name_in_the_file_is_an_error_that_names_it(
    tmp_path: Path, document: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        from_yaml(tmp_path, document)
    assert str(caught.value).endswith(f"there is no setting {UNKNOWN_YAML[document]}")


UNKNOWN_VARIABLES = {
    "TOLLKEEPER_AUTHSVC__WORKER": "did you mean TOLLKEEPER_AUTHSVC__WORKERS?",
    "TOLLKEEPER_AUTHSVC_WORKERS": "did you mean TOLLKEEPER_AUTHSVC__WORKERS?",
    "TOLLKEEPER_DATABASE_URL": "did you mean TOLLKEEPER_DATABASE__URL?",
    "TOLLKEEPER_NONSENSE": "there is no setting for TOLLKEEPER_NONSENSE",
    "TOLLKEEPER_AUTHSVC": "set its fields one by one, such as TOLLKEEPER_AUTHSVC__GRPC",
    "TOLLKEEPER_LOG__LEVEL_FILE": "there is no setting for TOLLKEEPER_LOG__LEVEL_FILE",
    "TOLLKEEPER_AUTHSVC__DEFAULT_PLUGIN__REALM": "TOLLKEEPER_AUTHSVC__DEFAULT_PLUGIN__REALM",
    "TOLLKEEPER_PORT": "there is no setting for TOLLKEEPER_PORT",
    "TOLLKEEPER_": "there is no setting for TOLLKEEPER_",
}


@pytest.mark.parametrize("variable", UNKNOWN_VARIABLES)
def test_an_unknown_variable_of_ours_is_an_error_that_names_it(variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config=None, environ={variable: CANARY})
    assert UNKNOWN_VARIABLES[variable] in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PATH", "/bin"),
        ("TOLLKEEPER_ADMIN_URL", "http://localhost:1"),
        ("TOLLKEEPER_SERVICE_HOST", "10.0.0.1"),
        ("TOLLKEEPER_SERVICE_PORT_HTTP", "80"),
        ("TOLLKEEPER_PORT", "tcp://10.0.0.1:80"),
        ("TOLLKEEPER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("TOLLKEEPER_AUTHSVC_SERVICE_HOST", "10.0.0.1"),
        ("TOLLKEEPER_AUTHSVC_PORT_9191_TCP", "tcp://10.0.0.1:9191"),
    ],
)
def test_variables_that_are_not_settings_are_left_alone(variable: str, value: str) -> None:
    assert load(config=None, environ={variable: value}) == load(config=None, environ={})


def test_a_secret_that_is_given_both_ways_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path / "url", "postgresql://h/d")
    with pytest.raises(SettingsError, match="are both set"):
        from_environ(DATABASE__URL="postgresql://h/d", DATABASE__URL_FILE=str(file))


def test_a_file_of_a_secret_that_cannot_be_read_is_an_error_that_does_not_show_its_path() -> None:
    with pytest.raises(SettingsError, match=r"^TOLLKEEPER_DATABASE__URL_FILE: ") as caught:
        from_environ(DATABASE__URL_FILE=f"postgresql://u:{CANARY}@h/d")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff", b"a: [", b"a: 1\n--- 2"])
def test_a_file_that_is_not_yaml_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"config\.yaml: is not"):
        load(config=file, environ={})


def test_a_file_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(SettingsError, match=r"^/no/where\.yaml: cannot be read"):
        load(config=Path("/no/where.yaml"), environ={})
