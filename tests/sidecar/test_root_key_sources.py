"""One port, five places: each hands out the same root key, or says in a line why not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import SettingsError, StartupError
from sidecar.root_key_sources import fetch_root_key
from sidecar.secret import Secret
from sidecar.settings import Database, Keyring, Settings
from sidecar.settings_checks import check
from tests.fakes.key_services import BLOB, CIPHERTEXT, ROOT_KEY, TOKEN, KeyService, key_service

OUTSIDE = ("vault-kv", "vault-transit", "aws-kms")
ALL = ("file", "environment", *OUTSIDE)
URL = Secret("postgresql://u@h/d")


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KeyService]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with key_service() as service:
        yield service


def keyring(source: str, service: KeyService, tmp_path: Path, **changes: Any) -> Keyring:
    """Return complete settings for a source."""
    file = tmp_path / "key"
    file.write_text({"vault-transit": CIPHERTEXT, "aws-kms": BLOB}.get(source, ROOT_KEY))
    vault = {"vault_url": service.url, "vault_token": Secret(TOKEN)}
    fields: dict[str, dict[str, Any]] = {
        "file": {"root_key_file": str(file)},
        "environment": {"root_key_base64": Secret(ROOT_KEY)},
        "vault-kv": {**vault, "vault_path": "tollkeeper/root"},
        "vault-transit": {**vault, "vault_path": "root", "root_key_file": str(file)},
        "aws-kms": {
            "root_key_file": str(file),
            "aws_region": "eu-west-1",
            "aws_endpoint": service.url,
        },
    }
    return Keyring(**{"root_key_source": source, **fields[source], **changes})


@pytest.mark.parametrize("source", ALL)
async def test_every_source_hands_out_the_root_key(
    service: KeyService, tmp_path: Path, source: str
) -> None:
    settings = Settings(database=Database(url=URL), keyring=keyring(source, service, tmp_path))
    check(settings)
    assert await fetch_root_key(settings) == Secret(ROOT_KEY)
    assert bool(service.asked) == (source in OUTSIDE)


async def test_without_a_word_of_one_there_is_none() -> None:
    assert await fetch_root_key(Settings()) is None


@pytest.mark.parametrize("source", ["vault-kv", "vault-transit"])
async def test_a_vaults_token_follows_no_redirect(
    service: KeyService, tmp_path: Path, source: str
) -> None:
    async with key_service() as other:
        service.elsewhere = other.url
        with pytest.raises(StartupError, match="sends us to another address"):
            await fetch_root_key(Settings(keyring=keyring(source, service, tmp_path)))
    assert service.asked
    assert not other.asked


@pytest.mark.parametrize("source", OUTSIDE)
async def test_a_source_that_fails_may_be_asked_again(
    service: KeyService, tmp_path: Path, source: str
) -> None:
    service.broken = 503
    with pytest.raises(StartupError) as caught:
        await fetch_root_key(Settings(keyring=keyring(source, service, tmp_path)))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("source", OUTSIDE)
async def test_a_source_that_is_not_there_is_no_fault_of_the_settings(
    service: KeyService, tmp_path: Path, source: str
) -> None:
    nowhere = {"vault_url": "http://127.0.0.1:1", "aws_endpoint": "http://127.0.0.1:1"}
    with pytest.raises(StartupError):
        await fetch_root_key(Settings(keyring=keyring(source, service, tmp_path, **nowhere)))


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a wrong token for a secret": ("vault-kv", {"vault_token": Secret("canary")}),
    "a wrong token for a key": ("vault-transit", {"vault_token": Secret("canary")}),
    "a secret that is not there": ("vault-kv", {"vault_path": "nothing/here"}),
    "a field that is not there": ("vault-kv", {"vault_field": "other"}),
    "a field that is no text": ("vault-kv", {"vault_field": "number"}),
    "a key that did not encrypt it": ("vault-transit", {"vault_path": "other"}),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_a_source_refuses_names_the_setting_and_no_secret(
    service: KeyService, tmp_path: Path, name: str
) -> None:
    source, changes = REFUSED[name]
    with pytest.raises(SettingsError, match=r"^keyring\.") as caught:
        await fetch_root_key(Settings(keyring=keyring(source, service, tmp_path, **changes)))
    assert not [each for each in ("canary", ROOT_KEY, TOKEN) if each in str(caught.value)]


@pytest.mark.parametrize("content", ["not base64 %", "b3RoZXI="])
async def test_a_blob_that_kms_did_not_make_is_refused(
    service: KeyService, tmp_path: Path, content: str
) -> None:
    settings = Settings(keyring=keyring("aws-kms", service, tmp_path))
    (tmp_path / "key").write_text(content)
    with pytest.raises(SettingsError):
        await fetch_root_key(settings)


async def test_what_is_no_root_key_is_refused_wherever_it_is_from(
    service: KeyService, tmp_path: Path
) -> None:
    service.secret["root_key"] = "canary"
    with pytest.raises(SettingsError, match="32 bytes") as caught:
        await fetch_root_key(Settings(keyring=keyring("vault-kv", service, tmp_path)))
    assert "canary" not in str(caught.value)


MISSING = {
    "environment": ("root_key_base64",),
    "vault-kv": ("vault_url", "vault_token", "vault_path"),
    "vault-transit": ("vault_url", "vault_token", "vault_path", "root_key_file"),
    "aws-kms": ("root_key_file",),
}


@pytest.mark.parametrize(
    ("source", "field"), [(source, field) for source in MISSING for field in MISSING[source]]
)
async def test_what_a_source_needs_is_asked_for_before_the_start(
    service: KeyService, tmp_path: Path, source: str, field: str
) -> None:
    settings = Settings(keyring=keyring(source, service, tmp_path, **{field: None}))
    with pytest.raises(SettingsError, match=f"keyring.{field} .*{source}"):
        check(settings)


async def test_a_vault_is_spoken_to_over_http_only(service: KeyService, tmp_path: Path) -> None:
    settings = Settings(keyring=keyring("vault-kv", service, tmp_path, vault_url="ftp://vault"))
    with pytest.raises(SettingsError, match=r"keyring\.vault_url"):
        check(settings)
