"""A root key is generated once, and never where a keyring waits for another."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.errors import RootKeyError
from authsvc.root_key import RootKey
from sidecar.errors import StartupError
from sidecar.root_key_file import NAME, read_or_generate
from sidecar.settings import Settings, warnings


def test_a_key_is_generated_for_its_owner_only(tmp_path: Path) -> None:
    key = read_or_generate(tmp_path, has_keyring=False)
    RootKey.from_base64(key.reveal())
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("has_keyring", [True, False])
def test_a_key_that_is_there_is_used_again(tmp_path: Path, has_keyring: bool) -> None:
    first = read_or_generate(tmp_path, has_keyring=False)
    assert read_or_generate(tmp_path, has_keyring=has_keyring) == first


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match=r"root\.key is missing.*restore"):
        read_or_generate(tmp_path, has_keyring=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "canary", "canary" * 10_000, "\N{SNOWMAN}"])
def test_a_damaged_key_is_neither_replaced_nor_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(RootKeyError, match="32 bytes") as caught:
        read_or_generate(tmp_path, has_keyring=False)
    assert "canary" not in str(caught.value)
    assert (tmp_path / NAME).read_text() == content


def test_who_comes_second_gets_the_first_ones_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: read_or_generate(tmp_path, has_keyring=False), range(32)))
    assert all(key == keys[0] for key in keys)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"root\.key: No such file"):
        read_or_generate(tmp_path / "nowhere", has_keyring=False)


def test_one_that_others_may_read_is_told_like_a_file_that_was_named(tmp_path: Path) -> None:
    read_or_generate(tmp_path, has_keyring=False)
    settings = Settings(data_dir=str(tmp_path))
    assert not list(warnings(settings))
    (tmp_path / NAME).chmod(0o640)
    assert list(warnings(settings)) == [
        "data_dir: root.key in it is open to other users; make it 0600"
    ]
