"""The settings' private key opens sealed keys, and is read only where there is one."""

from pathlib import Path

import pytest

from authsvc.apikey import ApiKey
from authsvc.errors import SealedKeyError
from authsvc.sealed_key import SealingPublicKey, generate_pair
from sidecar.admin.kinds import InvalidValueError
from sidecar.declarative.declaration import SealedKey
from sidecar.declarative.parser import parse_declaration
from sidecar.declarative.problems import DeclarationError
from sidecar.errors import SettingsError
from sidecar.sealed_keys import FileKeyReader, KeyOpener, read_private_keys
from sidecar.settings import Keyring, Settings

PUBLIC, PRIVATE = generate_pair()
PUBLIC_KEY = SealingPublicKey.from_pem(PUBLIC)
SEALED = PUBLIC_KEY.seal(ApiKey.from_text("canary"))


def settings(path: Path) -> Settings:
    return Settings(keyring=Keyring(declarative_private_key_file=str(path)))


def test_a_sealed_key_is_opened_and_any_other_is_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    opener = KeyOpener(settings(file))
    assert opener("clear") == "clear"  # and the file is not even there
    file.write_text(PRIVATE)
    assert opener(SEALED) == "canary"


def test_what_does_not_open_is_told_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_text(generate_pair()[1])
    with pytest.raises(SealedKeyError, match="another pair"):
        KeyOpener(settings(file))(SEALED)
    with pytest.raises(SealedKeyError, match="declarative_private_key_file is not set"):
        KeyOpener(Settings())(SEALED)
    file.write_text(PRIVATE)
    with pytest.raises(SealedKeyError, match="not a text"):
        KeyOpener(settings(file))(PUBLIC_KEY.seal(ApiKey(b"\xff")))


def test_a_file_that_holds_no_private_key_is_the_settings_mistake(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    with pytest.raises(SettingsError, match="declarative_private_key_file"):
        read_private_keys(settings(file))
    file.write_text(PUBLIC)
    with pytest.raises(SettingsError, match="expected X25519 private keys"):
        read_private_keys(settings(file))
    assert read_private_keys(Settings()) is None


def test_each_form_of_a_key_in_a_file_is_read_for_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_text(PRIVATE)
    into_database = FileKeyReader(settings(file), has_keyring=True)
    without_database = FileKeyReader(settings(file), has_keyring=False)
    for read in (into_database, without_database):
        assert read("clear", transform=True) == "clear"
        assert read(SEALED, transform=True) == "canary"
        with pytest.raises(InvalidValueError) as caught:
            read("$ke$1$-abcd-00-11", transform=True)
        assert caught.value.why == "is encrypted by Kong's keyring: only Kong can open it"
        with pytest.raises(InvalidValueError):
            read(SEALED[:-1], transform=True)
    assert into_database("encrypted:v1:AA", transform=False) == SealedKey("encrypted:v1:AA")
    with pytest.raises(InvalidValueError):
        without_database("encrypted:v1:AA", transform=False)


def test_a_file_may_hold_sealed_keys_and_its_errors_name_the_entity_alone(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_text(PRIVATE)
    text = f"""
_format_version: "3.0"
consumers:
- username: alice
  keyauth_credentials:
  - key: clear
  - key: {SEALED}
keyauth_enc_credentials:
- consumer: alice
  key: "{PUBLIC_KEY.seal(ApiKey.from_text("second"))}"
"""
    keys = FileKeyReader(settings(file), has_keyring=False)
    declaration = parse_declaration(text, keys=keys)
    opened = [ApiKey.from_text(key) for key in ("clear", "canary", "second")]
    assert [each.key for each in declaration.credentials] == opened
    file.write_text(generate_pair()[1])
    with pytest.raises(DeclarationError) as caught:
        parse_declaration(text, keys=FileKeyReader(settings(file), has_keyring=False))
    assert str(caught.value).splitlines() == [
        "consumers[1].keyauth_credentials[2]: key: it was sealed for another pair of keys",
        "keyauth_enc_credentials[1]: key: it was sealed for another pair of keys",
    ]
