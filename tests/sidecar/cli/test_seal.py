"""``tollkeeper keys seal``: what it prints opens with the private key, and nothing shows a key."""

from pathlib import Path

import pytest

from authsvc.sealed_key import SealingPrivateKeys, generate_pair
from sidecar.strict_yaml import parse
from tests.clients.command_line import Failed, Tollkeeper

PUBLIC, PRIVATE = generate_pair()
OPENER = SealingPrivateKeys.from_pem(PRIVATE)


@pytest.fixture
def public(tmp_path: Path) -> str:
    path = tmp_path / "public.pem"
    path.write_text(PUBLIC)
    return str(path)


def opened(text: str) -> str:
    return OPENER.open(text).reveal().decode()


async def test_a_key_from_standard_input_is_sealed(tollkeeper: Tollkeeper, public: str) -> None:
    outcome = await tollkeeper("keys", "seal", "--public-key-file", public, stdin=b"canary 4711 \n")
    assert (outcome.code, outcome.err) == (0, "")
    assert opened(outcome.out.removesuffix("\n")) == "canary 4711 "


async def test_all_keys_of_a_file_are_sealed(
    tollkeeper: Tollkeeper, public: str, tmp_path: Path
) -> None:
    file = tmp_path / "dump.yaml"
    file.write_text("consumers:\n- username: a  # first\n  keyauth_credentials: [{key: canary}]\n")
    outcome = await tollkeeper("keys", "seal", "--public-key-file", public, "--file", str(file))
    assert (outcome.code, outcome.err) == (0, "sealed 1 keys\n")
    [consumer] = parse(outcome.out)["consumers"]
    assert opened(consumer["keyauth_credentials"][0]["key"]) == "canary"
    assert "canary" not in outcome.out
    assert "# first" in outcome.out


async def test_a_pair_is_made_that_fits_and_never_replaced(
    tollkeeper: Tollkeeper, told: Failed, tmp_path: Path
) -> None:
    directory = tmp_path / "new"
    made = await tollkeeper("keys", "seal", "--generate", str(directory))
    assert (made.code, made.err) == (0, "")
    private, public = directory / "declarative-private.pem", directory / "declarative-public.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    before = private.read_text()
    assert before not in made.out
    sealed = await tollkeeper("keys", "seal", "--public-key-file", str(public), stdin=b"canary")
    assert SealingPrivateKeys.from_pem(before).open(sealed.out.strip()).reveal() == b"canary"
    assert "File exists" in told(await tollkeeper("keys", "seal", "--generate", str(directory)), 2)
    public.unlink()
    assert "File exists" in told(await tollkeeper("keys", "seal", "--generate", str(directory)), 2)
    assert private.read_text() == before


WRONG_INPUT = {
    "no key": (b"", "standard input: empty"),
    "a key that is too long": (b"x" * 4097, "the key has to have 1 to 4096 bytes"),
    "far too much": (b"x" * 70_000, "too long"),
    "no text": (b"\xff\xfe", "not a text"),
    "a sealed key": (b"sealed:v1:abc", "is sealed already"),
}


@pytest.mark.parametrize(("stdin", "why"), WRONG_INPUT.values(), ids=WRONG_INPUT.keys())
async def test_what_is_no_key_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, public: str, stdin: bytes, why: str
) -> None:
    arguments = ("keys", "seal", "--public-key-file", public)
    assert why in told(await tollkeeper(*arguments, stdin=stdin), 2)


async def test_wrong_usage_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, public: str, tmp_path: Path
) -> None:
    told(await tollkeeper("keys", "seal", stdin=b"canary"), 2)
    told(await tollkeeper("keys", "seal", "--generate", "x", "--public-key-file", public), 2)
    private = tmp_path / "private.pem"
    private.write_text(PRIVATE)
    line = told(
        await tollkeeper("keys", "seal", "--public-key-file", str(private), stdin=b"canary"), 2
    )
    assert line.startswith("--public-key-file: expected an X25519 public key")


async def test_a_file_that_is_refused_is_one_line_and_1(
    tollkeeper: Tollkeeper, told: Failed, public: str, tmp_path: Path
) -> None:
    file = tmp_path / "dump.yaml"
    file.write_text("keyauth_credentials:\n- key: canary\n- key: 4711\n")
    line = told(
        await tollkeeper("keys", "seal", "--public-key-file", public, "--file", str(file)), 1
    )
    assert line == "line 3: a key has to be a text: put it in quotes"
