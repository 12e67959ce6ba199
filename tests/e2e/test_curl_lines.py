"""The lines of the documentation of Key Authentication - Encrypted, word for word.

Pasted into a shell, against `tollkeeper demo`; only hosts, ports and what stands in brackets are
filled in.  Two misprints of the document are put right: a key in a body is ``apikey=…``, not
``apikey: …``, and the media type is ``application/x-www-form-urlencoded``, which curl sends anyway.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.deadline import eventually
from tests.fakes.demo import Demo

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="its lines are for curl")

CREATE_CONSUMER = 'curl -d "username=user123&custom_id=SOME_CUSTOM_ID" http://kong:8001/consumers/'
CREATE_KEY = 'curl -X POST http://kong:8001/consumers/{consumer}/key-auth-enc -d ""'
IN_QUERY = "curl http://kong:8000/{proxy path}?apikey=<some_key>"
IN_BODY_MISPRINTED = "curl http://kong:8000/{proxy path} \\\n    --data 'apikey: <some_key>'"
IN_BODY = IN_BODY_MISPRINTED.replace("apikey: ", "apikey=")
IN_HEADER = "curl http://kong:8000/{proxy path} \\\n    -H 'apikey: <some_key>'"
NOT_IN_QUERY = """curl -X POST http://<admin-hostname>:8001/routes/<route>/plugins \\
    --data "name=key-auth-enc"  \\
    --data "config.key_names=apikey" \\
    --data "config.key_in_query=false"
"""
DELETE_KEY = "curl -X DELETE http://kong:8001/consumers/{consumer}/key-auth-enc/{id}"
ALL_KEYS = "curl -X GET http://kong:8001/key-auth-enc"
KEYS_OF_CONSUMER = "curl -X GET http://kong:8001/consumers/{username or id}/key-auth-enc"
CONSUMER_OF_KEY = "curl -X GET http://kong:8001/key-auth-enc/{key or id}/consumer"


@dataclass(frozen=True)
class Answer:
    """What curl showed: the status, and the body as JSON."""

    status: int
    body: Any


@dataclass(frozen=True)
class Shell:
    """Somebody who pastes lines into a terminal."""

    demo: Demo
    home: Path

    async def paste(self, line: str, **filled: str) -> Answer:
        """Run a line, with what stands in brackets filled in."""
        hosts = {
            "http://kong:8001": f"http://127.0.0.1:{self.demo.ports['admin']}",
            "http://<admin-hostname>:8001": f"http://127.0.0.1:{self.demo.ports['admin']}",
            "http://kong:8000": f"http://127.0.0.1:{self.demo.ports['envoy']}",
            "{proxy path}": "hello",
        }
        brackets = {
            bracket: text
            for name, text in filled.items()
            for bracket in (f"{{{name}}}", f"<{name}>", f"{{{name} or id}}")
        }
        for placeholder, text in {**hosts, **brackets}.items():
            line = line.replace(placeholder, text)
        process = await asyncio.create_subprocess_shell(
            line,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "CURL_HOME": str(self.home)},
        )
        shown, _ = await process.communicate()
        head, _, body = shown.decode().partition("\r\n\r\n")
        return Answer(int(head.split()[1]), json.loads(body) if body else None)

    async def becomes(self, status: int, line: str, **filled: str) -> Answer:
        """Paste a line until it is answered so: workers hear of a change within two seconds."""
        answer = await self.paste(line, **filled)

        async def is_so() -> bool:
            nonlocal answer
            answer = await self.paste(line, **filled)
            return answer.status == status

        if answer.status != status:
            await eventually(is_so, f"{status} for {line!r}")
        return answer


@pytest_asyncio.fixture(loop_scope="session")
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A demo of one's own, and a curl that shows the head of answers."""
    (tmp_path / ".curlrc").write_text("include\nsilent\n")
    async with Demo(tmp_path / "demo") as demo:
        yield Shell(demo, tmp_path)


async def test_the_lines_of_the_document_work_word_for_word(shell: Shell) -> None:
    consumer = await shell.paste(CREATE_CONSUMER)
    assert (consumer.status, consumer.body["username"]) == (201, "user123")
    created = await shell.paste(CREATE_KEY, consumer="user123")
    key, key_id = created.body["key"], created.body["id"]
    assert (created.status, created.body["consumer"]["id"]) == (201, consumer.body["id"])

    for line in (IN_QUERY, IN_HEADER):
        echo = await shell.becomes(200, line, some_key=key)
        assert echo.body["headers"]["x-consumer-username"] == "user123"

    plugin = await shell.paste(NOT_IN_QUERY, route="echo")
    assert plugin.status == 201
    assert plugin.body["config"]["key_names"] == ["apikey"]
    refused = await shell.becomes(401, IN_QUERY, some_key=key)
    assert refused.body["message"] == "No API key found in request"
    assert (await shell.paste(IN_HEADER, some_key=key)).status == 200

    assert (await shell.paste(IN_BODY, some_key=key)).status == 401  # "must be set to true"
    in_body = (
        f"curl -X PATCH http://kong:8001/plugins/{plugin.body['id']} -d config.key_in_body=true"
    )
    assert (await shell.paste(in_body)).status == 200
    await shell.becomes(200, IN_BODY, some_key=key)
    assert (await shell.paste(IN_BODY_MISPRINTED, some_key=key)).status == 401  # as in Kong

    everybodys = await shell.paste(ALL_KEYS)
    assert {row["key"] for row in everybodys.body["data"]} > {key}
    assert everybodys.body["next"] is None
    for name in ("user123", consumer.body["id"]):
        listed = await shell.paste(KEYS_OF_CONSUMER, username=name)
        assert [row["id"] for row in listed.body["data"]] == [key_id]
    for name in (key, key_id):
        owner = await shell.paste(CONSUMER_OF_KEY, key=name)
        assert (owner.status, owner.body["id"]) == (200, consumer.body["id"])

    assert await shell.paste(DELETE_KEY, consumer="user123", id=key_id) == Answer(204, None)
    await shell.becomes(401, IN_HEADER, some_key=key)
