"""TLS of the Admin API, from the server's start to a client's command."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from authsvc.memory import MemoryDatabase
from sidecar.address import TcpAddress
from sidecar.admin import AdminServer, create_admin_app
from sidecar.admin_client import AdminApiError, open_admin
from sidecar.cli.program import run_program
from sidecar.errors import SettingsError
from sidecar.tls import client_context, server_context
from tests.clients.raw_http import exchange
from tests.fakes.admin_api import sealer
from tests.fakes.certificates import Authority, Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "stranger")


def context(pair: Pair, ca: Path | None = None) -> ssl.SSLContext:
    made = server_context(
        cert_file=str(pair.cert),
        key_file=str(pair.key),
        client_ca_file=str(ca) if ca else None,
        name="admin.tls",
    )
    assert made
    return made


@asynccontextmanager
async def serving_tls(tls: ssl.SSLContext) -> AsyncIterator[int]:
    app = create_admin_app(stores=MemoryDatabase(), sealer=sealer())
    async with AdminServer(app, address=TcpAddress("127.0.0.1", 0), tls=tls) as server:
        assert isinstance(server.address, TcpAddress)
        yield server.address.port


async def ask(port: int, tls: ssl.SSLContext) -> object:
    async with open_admin(f"https://127.0.0.1:{port}", tls=tls) as admin:
        return await admin.send("POST", "/consumers", {"username": "a"})


async def test_who_trusts_the_authority_is_served(authority: Authority, pair: Pair) -> None:
    async with serving_tls(context(pair)) as port:
        tls = client_context(ca_file=str(authority.cert), cert_file=None)
        assert await ask(port, tls)


async def test_without_tls_nothing_is_said(pair: Pair) -> None:
    async with serving_tls(context(pair)) as port:
        answer = b""
        with suppress(OSError, IndexError, ValueError):
            answer = (await exchange(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).body
        assert b"tagline" not in answer


async def test_a_client_does_not_trust_anybody(strangers: Authority, pair: Pair) -> None:
    async with serving_tls(context(pair)) as port:
        with pytest.raises(AdminApiError):
            await ask(port, client_context(ca_file=str(strangers.cert), cert_file=None))


async def test_old_versions_are_refused(authority: Authority, pair: Pair) -> None:
    tls = client_context(ca_file=str(authority.cert), cert_file=None)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving_tls(context(pair)) as port:
        with pytest.raises(AdminApiError):
            await ask(port, tls)


async def test_with_an_authority_for_clients_a_certificate_of_it_is_needed(
    authority: Authority, strangers: Authority, pair: Pair
) -> None:
    known, unknown = authority.issue("known"), strangers.issue("unknown")
    async with serving_tls(context(pair, authority.cert)) as port:
        trusted = str(authority.cert)
        assert await ask(port, client_context(ca_file=trusted, cert_file=str(known.both)))
        for shown in (None, str(unknown.both)):
            with pytest.raises(AdminApiError):
                await ask(port, client_context(ca_file=trusted, cert_file=shown))


async def test_a_page_of_its_own_origin_writes_over_https(authority: Authority, pair: Pair) -> None:
    tls = client_context(ca_file=str(authority.cert), cert_file=None)
    async with serving_tls(context(pair)) as port, aiohttp.ClientSession() as session:
        own = f"https://127.0.0.1:{port}"
        for origin, status in {own: 201, own.replace("https", "http"): 403}.items():
            async with session.post(
                f"{own}/consumers", json={"username": "x"}, headers={"Origin": origin}, ssl=tls
            ) as answer:
                assert answer.status == status


async def test_commands_take_an_authority_and_a_certificate(
    authority: Authority, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    known = authority.issue("cli")
    async with serving_tls(context(pair, authority.cert)) as port:
        options = ("--admin-url", f"https://127.0.0.1:{port}", "--ca-file", str(authority.cert))
        shown = (*options, "--client-cert-file", str(known.both), "--output", "json")
        assert await asyncio.to_thread(run_program, ["consumers", "list", *shown]) == 0
        assert json.loads(capsys.readouterr().out) == []
        assert await asyncio.to_thread(run_program, ["consumers", "list", *options]) == 1


def files(folder: Path, pair: Pair, authority: Authority) -> dict[str, str]:
    (folder / "canary").write_text("canary, no certificate")
    return {
        "{cert}": str(pair.cert),
        "{key}": str(pair.key),
        "{canary}": str(folder / "canary"),
        "{other}": str(authority.issue("other").key),
    }


BROKEN: dict[str, tuple[tuple[str | None, str | None, str | None], str]] = {
    "a certificate alone": (("{cert}", None, None), "belong together"),
    "a key alone": ((None, "{key}", None), "belong together"),
    "an authority alone": ((None, None, "{cert}"), "client_ca_file: needs"),
    "another key": (("{cert}", "{other}", None), "cert_file and admin.tls.key_file"),
    "no certificate": (("{canary}", "{key}", None), "cert_file and admin.tls.key_file"),
    "no file": (("/no/canary", "{key}", None), "cannot be read"),
    "no authority": (("{cert}", "{key}", "{canary}"), "client_ca_file: holds no"),
    "no authority's file": (("{cert}", "{key}", "/no/canary"), "client_ca_file: the file"),
}


@pytest.mark.parametrize(("given", "problem"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_work_is_told_by_the_settings_name(
    given: tuple[str | None, str | None, str | None],
    problem: str,
    tmp_path: Path,
    pair: Pair,
    authority: Authority,
) -> None:
    known = files(tmp_path, pair, authority)
    cert, key, ca = (known.get(one or "", one) for one in given)
    with pytest.raises(SettingsError, match=problem) as caught:
        server_context(cert_file=cert, key_file=key, client_ca_file=ca, name="admin.tls")
    assert "canary" not in str(caught.value)


def test_nothing_is_no_tls() -> None:
    made = server_context(cert_file=None, key_file=None, client_ca_file=None, name="admin.tls")
    assert made is None


@pytest.mark.parametrize(
    "make",
    [
        lambda path: client_context(ca_file=path, cert_file=None),
        lambda path: client_context(ca_file=None, cert_file=path),
    ],
)
def test_a_client_is_told_which_option_is_wrong(
    make: Callable[[str], ssl.SSLContext], tmp_path: Path
) -> None:
    (tmp_path / "canary").write_text("canary")
    with pytest.raises(SettingsError, match=r"^--c.*-file: ") as caught:
        make(str(tmp_path / "canary"))
    assert "canary" not in str(caught.value)
