"""Settings that contradict each other, or are not safe, are refused."""

import base64
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sidecar.errors import SettingsError
from sidecar.secret import Secret
from sidecar.settings import (
    Admin,
    Analytics,
    Authsvc,
    Database,
    Diagnostics,
    Keyring,
    Settings,
    Tls,
    read_recovery_key,
    read_root_key,
    read_token,
    reveals_keys,
)
from sidecar.settings_checks import check, warnings
from tests.fakes.ring import recovery_pair

URL = Secret("postgresql://u:p@h/d")


def file_with(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture
def key(tmp_path: Path) -> str:
    return file_with(tmp_path / "root.key", base64.b64encode(bytes(32)).decode())


@pytest.fixture
def token(tmp_path: Path) -> str:
    return file_with(tmp_path / "token", "0123456789abcdef")


REFUSED: dict[str, tuple[Settings, str]] = {
    "two listeners on one address": (
        Settings(admin=Admin(listen="127.0.0.1:9191")),
        "admin.listen .*is the same address as authsvc.grpc",
    ),
    "a spool too small to hold anything": (
        Settings(analytics=Analytics(spool_max_bytes=1000)),
        "analytics.spool_max_bytes .*expected 1048576 or more, or 0",
    ),
    "workers on a unix socket": (
        Settings(authsvc=Authsvc(grpc="unix:/run/x", workers=2)),
        "authsvc.workers .*unix socket .authsvc.grpc",
    ),
    "one worker per core on a unix socket": (
        Settings(authsvc=Authsvc(http="unix:/run/x", workers=0)),
        "authsvc.workers .*unix socket .authsvc.http",
    ),
    "workers on any port": (
        Settings(authsvc=Authsvc(grpc="127.0.0.1:0", workers=2)),
        "authsvc.workers .*fixed port",
    ),
    "no database and no file": (
        Settings(database=Database(url=Secret("off"))),
        "declarative_config .*required",
    ),
    "a database without a root key": (
        Settings(database=Database(url=URL)),
        "keyring.root_key_file .*required",
    ),
    "an open admin API without a token": (
        Settings(admin=Admin(listen="0.0.0.0:8001")),
        "admin.token_file .*required",
    ),
    "an admin API on a unix socket without a token": (
        Settings(admin=Admin(listen="unix:/run/x")),
        "admin.token_file .*required",
    ),
    "an admin API on any name without a token": (
        Settings(admin=Admin(listen="localhost.example.org:8001")),
        "admin.token_file .*required",
    ),
    "a certificate without its key": (
        Settings(admin=Admin(tls=Tls(cert_file="/canary"))),
        "admin.tls: cert_file and key_file",
    ),
    "a certificate for checks without its key": (
        Settings(authsvc=Authsvc(tls=Tls(cert_file="/canary"))),
        "authsvc.tls: cert_file and key_file",
    ),
    "an age of connections on the other transport": (
        Settings(authsvc=Authsvc(transport="grpcio", max_connection_age=60)),
        "authsvc.max_connection_age .*fastlane",
    ),
    "any origin at all": (
        Settings(admin=Admin(cors_origins=("*",))),
        "admin.cors_origins .*https://host:port",
    ),
    "an origin with a path": (
        Settings(admin=Admin(cors_origins=("https://ok", "https://canary/x"))),
        "admin.cors_origins .*https://host:port",
    ),
    "an unknown field of the plugin": (
        Settings(authsvc=Authsvc(default_plugin={"key_nam": []})),
        r"^authsvc.default_plugin.key_nam: unknown field",
    ),
    "a key name that is no header": (
        Settings(authsvc=Authsvc(default_plugin={"key_names": ["ok", "can ary"]})),
        r"^authsvc.default_plugin.key_names: bad header name, allowed",
    ),
    "a wrong type in the plugin": (
        Settings(authsvc=Authsvc(default_plugin={"key_in_header": 1})),
        r"^authsvc.default_plugin.key_in_header: expected a boolean",
    ),
    "a member of the plugin's record": (
        Settings(authsvc=Authsvc(default_plugin={"edge_cache": {"ttl": 61, "can ary": 1}})),
        r"^authsvc.default_plugin.edge_cache: \(something .*\): unknown field; ttl: value .* 60$",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case: str) -> None:
    settings, told = REFUSED[case]
    with pytest.raises(SettingsError, match=told) as caught:
        check(settings)
    assert "can ary" not in str(caught.value)


@pytest.mark.parametrize("name", ["vault_url", "aws_endpoint"])
@pytest.mark.parametrize(
    "url", ["canary", "http://[canary", "https://", "ftp://canary", "https://canary:99999"]
)
def test_where_no_key_service_can_be_is_refused(name: str, url: str) -> None:
    keyring = msgspec.structs.replace(Keyring(), **{name: url})
    settings = Settings(keyring=keyring)
    with pytest.raises(SettingsError, match=f"^keyring.{name} .*: expected https://") as caught:
        check(settings)
    assert "canary" not in str(caught.value)


ALLOWED: dict[str, Settings] = {
    "the defaults": Settings(),
    "everything off": Settings(
        authsvc=Authsvc(grpc=None, http=None),
        analytics=Analytics(grpc=None),
        admin=Admin(listen=None),
        diagnostics=Diagnostics(listen=None),
    ),
    "any ports": Settings(
        authsvc=Authsvc(grpc="127.0.0.1:0", http="127.0.0.1:0"),
        analytics=Analytics(grpc="127.0.0.1:0"),
    ),
    "the same port of two addresses": Settings(admin=Admin(listen="127.0.0.2:9191")),
    "one worker on a unix socket": Settings(authsvc=Authsvc(grpc="unix:/run/x")),
    "workers on ports": Settings(authsvc=Authsvc(workers=0)),
    "no default plugin": Settings(authsvc=Authsvc(default_plugin=None)),
    "an edge cache": Settings(authsvc=Authsvc(default_plugin={"edge_cache": {"ttl": 60}})),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_it_is_allowed(case: str) -> None:
    check(ALLOWED[case])


def test_with_its_files_a_database_and_an_open_admin_api_are_allowed(key: str, token: str) -> None:
    settings = Settings(
        database=Database(url=URL),
        keyring=Keyring(root_key_file=key),
        admin=Admin(listen="0.0.0.0:8001", token_file=token),
    )
    check(settings)
    assert read_token(settings) == Secret("0123456789abcdef")
    assert read_root_key(settings) == Secret(base64.b64encode(bytes(32)).decode())
    assert not list(warnings(settings))


BAD_KEYS: dict[str, Callable[[], str]] = {
    "too short": lambda: base64.b64encode(bytes(31)).decode(),
    "not base64": lambda: "canary!" * 7,
    "another spelling": lambda: base64.b64encode(bytes(32)).decode().replace("=", ""),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_what_is_no_root_key_is_refused_and_not_shown(tmp_path: Path, case: str) -> None:
    text = BAD_KEYS[case]()
    settings = Settings(keyring=Keyring(root_key_file=file_with(tmp_path / "key", text)))
    with pytest.raises(SettingsError, match=r"^keyring\.root_key_file .*32 bytes") as caught:
        check(settings)
    assert text not in str(caught.value)


def test_a_token_that_can_be_guessed_is_refused_even_on_loopback(tmp_path: Path) -> None:
    short = file_with(tmp_path / "token", "0123456789abcde")
    with pytest.raises(SettingsError, match=r"^admin\.token_file .*at least 16") as caught:
        check(Settings(admin=Admin(token_file=short)))
    assert "0123456789abcde" not in str(caught.value)


def test_a_token_that_no_header_can_carry_is_refused(tmp_path: Path) -> None:
    lines = file_with(tmp_path / "token", "0123456789abcdef\ncanary")
    with pytest.raises(SettingsError, match=r"^admin\.token_file .*one line") as caught:
        check(Settings(admin=Admin(token_file=lines)))
    assert "canary" not in str(caught.value)


def test_files_that_others_may_read_are_a_warning_only(tmp_path: Path) -> None:
    settings = Settings(
        keyring=Keyring(
            root_key_file=file_with(tmp_path / "k", base64.b64encode(bytes(32)).decode(), 0o644)
        ),
        admin=Admin(token_file=file_with(tmp_path / "t", "0123456789abcdef", 0o640)),
    )
    check(settings)
    assert [text.partition(":")[0] for text in warnings(settings)] == [
        "keyring.root_key_file",
        "admin.token_file",
    ]


def test_settings_without_effect_are_a_warning() -> None:
    settings = Settings(declarative_config="kong.yaml")
    assert [text.partition(" ")[0] for text in warnings(settings)] == ["declarative_config"]


def test_without_a_database_there_is_no_root_key_to_give() -> None:
    settings = Settings(database=Database(url=Secret("off")), declarative_config="kong.yaml")
    check(settings)
    assert list(warnings(settings)) == []


def test_a_recovery_key_is_read_and_anything_else_refused(tmp_path: Path) -> None:
    public, private = recovery_pair()
    good = Keyring(recovery_public_key_file=file_with(tmp_path / "public.pem", public))
    assert read_recovery_key(Settings(keyring=good)) is not None
    assert read_recovery_key(Settings()) is None
    bad = Keyring(recovery_public_key_file=file_with(tmp_path / "private.pem", private))
    with pytest.raises(SettingsError, match=r"keyring\.recovery_public_key_file .*public key"):
        check(Settings(keyring=bad))


REVEALING: dict[str, tuple[Admin, bool]] = {
    "on loopback": (Admin(), True),
    "on loopback, if not wanted": (Admin(reveal_keys=False), False),
    "for everybody": (Admin(listen="0.0.0.0:8001"), False),
    "for everybody, if wanted": (Admin(listen="0.0.0.0:8001", reveal_keys=True), True),
    "on a socket": (Admin(listen="unix:/run/x"), False),
    "nowhere": (Admin(listen=None), False),
}


@pytest.mark.parametrize(("admin", "revealed"), REVEALING.values(), ids=REVEALING)
def test_stored_keys_are_shown_on_loopback_alone_unless_something_is_said(
    admin: Admin, *, revealed: bool
) -> None:
    assert reveals_keys(Settings(admin=admin)) == revealed
