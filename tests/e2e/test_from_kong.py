"""From Kong to Tollkeeper, as docs/from-kong.md tells it, with real commands on a real database."""

import asyncio
import base64
import json
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
import yaml

from tests.deadline import eventually
from tests.fakes.product import TOLLKEEPER, clean_environment
from tests.fakes.stack import Stack, running_stack

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "from-kong.md"
MANY = 3_000


@dataclass(frozen=True)
class Place:
    """A database of one's own, and the environment of whoever works on it."""

    url: str
    environ: dict[str, str]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            TOLLKEEPER, *arguments, env=self.environ, stdout=pipe, stderr=pipe
        )

    async def run(self, *arguments: str) -> str:
        """Run a command that must work; return what it prints."""
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def count(self, table: str) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - ours
        except asyncpg.UndefinedTableError:
            return 0
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own: others put into theirs what no file may hold."""
    async with running_stack(tmp_path_factory.mktemp("kong"), workers=1) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def place(stack: Stack, tmp_path: Path) -> AsyncIterator[Place]:
    """An empty database on the stack's server, and another root key."""
    key = tmp_path / "root.key"
    key.write_bytes(base64.b64encode(os.urandom(32)))
    key.chmod(0o600)
    name = f"kong_{secrets.token_hex(4)}"
    await execute(stack.database.url, f"CREATE DATABASE {name}")
    url = re.sub(r"@/[^?]+\?", f"@/{name}?", stack.database.url)
    yield Place(
        url,
        clean_environment()
        | {"TOLLKEEPER_DATABASE__URL": url, "TOLLKEEPER_KEYRING__ROOT_KEY_FILE": str(key)},
    )
    await execute(stack.database.url, f"DROP DATABASE {name} WITH (FORCE)")


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def test_an_imported_key_works_through_envoy_and_a_pruned_one_no_more(
    stack: Stack, tmp_path: Path
) -> None:
    mine = Place(stack.database.url, clean_environment())
    settings = ("--config", str(stack.product.directory / "tollkeeper.yaml"))
    file = tmp_path / "kong.yaml"
    consumer = f"from-kong-{secrets.token_hex(4)}"
    header = f"apikey: canary-{consumer}"

    def dump(*keys: str) -> str:
        return json.dumps(
            {
                "_format_version": "3.0",
                "_info": {"select_tags": [consumer]},  # what other tests made is not ours to prune
                "consumers": [
                    {"username": consumer, "keyauth_credentials": [{"key": each} for each in keys]}
                ],
            }
        )

    async def answers(status: int) -> bool:
        return (await stack.get("/", header)).status == status

    assert await answers(401)
    file.write_text(dump(f"canary-{consumer}"))
    await mine.run("import", *settings, str(file))
    await eventually(lambda: answers(200), "the imported key to work")
    echoed = json.loads((await stack.get("/", header)).body)
    assert echoed["headers"]["x-consumer-username"] == consumer
    entries = await stack.admin.rows("/audit")
    assert "IMPORT" in {entry["method"] for entry in entries}
    assert (await stack.admin.send("GET", "/audit/verify"))["intact"]
    file.write_text(dump())
    await mine.run("import", *settings, "--prune", "--yes", str(file))
    await eventually(lambda: answers(401), "the pruned key to work no more")


async def test_everything_goes_into_another_database_and_is_the_same(
    stack: Stack, place: Place, tmp_path: Path
) -> None:
    await stack.new_key(tags=["a"], ttl=1000)
    settings = ("--config", str(stack.product.directory / "tollkeeper.yaml"))
    exported, again = tmp_path / "export.yaml", tmp_path / "again.yaml"
    await Place(stack.database.url, clean_environment()).run("export", *settings, str(exported))
    await place.run("import", str(exported))
    await place.run("export", str(again))
    first, second = (yaml.load(each.read_text(), yaml.CSafeLoader) for each in (exported, again))
    for document in (first, second):
        for credential in document["keyauth_credentials"]:
            credential["ttl"] = "ttl" in credential  # goes on while this test runs
    assert second == first
    assert len(first["consumers"]) > 1


async def test_an_import_that_is_killed_is_finished_by_the_next_one(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "many.json"
    consumers = [
        {"username": f"user-{n}", "keyauth_credentials": [{"key": f"canary-{n}"}]}
        for n in range(MANY)
    ]
    file.write_text(json.dumps({"_format_version": "3.0", "consumers": consumers}))
    process = await place.start("import", str(file))

    async def has_begun() -> bool:
        return await place.count("consumers") > 0

    await eventually(has_begun, "the import to write", within=60)
    process.kill()
    await process.wait()
    before = await place.count("credentials")
    told = (await place.run("import", str(file))).splitlines()
    assert before < MANY
    assert re.search(f"{MANY - before} created, 0 updated, 0 deleted, {before} ", told[-1])
    assert await place.count("consumers") == await place.count("credentials") == MANY


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
async def test_the_guides_lines_take_keys_from_an_admin_api(
    stack: Stack, place: Place, tmp_path: Path
) -> None:
    for _ in range(3):
        await stack.new_key()
    keys = await stack.admin.rows("/key-auths-enc")
    consumers = await stack.admin.rows("/consumers")
    # What decK writes of the consumers.
    dump = {"_format_version": "3.0", "consumers": [drop_nulls(each) for each in consumers]}
    (tmp_path / "kong.json").write_text(json.dumps(dump))
    blocks = re.findall(r"```\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    [loop] = [block for block in blocks if "jq -c '.data[]'" in block]
    [merge] = [block for block in blocks if "--slurpfile" in block]
    lines = loop.replace("http://kong.internal:8001", stack.product.admin_url)
    assert "kong.internal" not in lines
    lines = lines.replace("size=1000", "size=2")  # so that there are pages
    lines += "\n".join(line for line in merge.splitlines() if not line.startswith("deck "))
    shell = await asyncio.create_subprocess_shell(lines, cwd=tmp_path)
    assert await shell.wait() == 0
    await place.run("import", str(tmp_path / "all.json"))
    assert await place.count("credentials") == len(keys)
    exported = yaml.load(await place.run("export"), yaml.CSafeLoader)
    assert {each["id"]: each["key"] for each in exported["keyauth_credentials"]} == {
        each["id"]: each["key"] for each in keys
    }


def drop_nulls(entity: dict) -> dict:
    return {name: value for name, value in entity.items() if value is not None}
