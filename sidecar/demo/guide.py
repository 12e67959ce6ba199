"""What to try: lines to paste into another terminal."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.secret import Secret

_FIRST_ID = 'python3 -c \'import json, sys; print(json.load(sys.stdin)["data"][0]["id"])\''


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what to expect of it."""

    expect: str
    command: str


def calls(gateway: str, *, key_name: str, key: Secret) -> Iterator[Step]:
    """Yield calls through Envoy at the URL ``gateway``, the key under this name."""
    shown = key.reveal()
    with_key = f"-H '{key_name}: {shown}'"
    yield Step(
        "200: the echo shows who calls (x-consumer-...), and no key",
        f"curl -i {gateway}/hello {with_key}",
    )
    yield Step("401: no key", f"curl -i {gateway}/hello")
    yield Step("401: a wrong key", f"curl -i {gateway}/hello -H '{key_name}: wrong'")
    yield Step(
        "200: the key in the query; the echo's path shows that it went no further",
        f"curl -i '{gateway}/hello?b=2&{key_name}={shown}&a=1'",
    )
    yield Step(
        "200: a spoofed identity, replaced by the true one",
        f"curl -i {gateway}/hello {with_key} -H 'X-Consumer-Username: admin'",
    )
    body = '{"access_token": "a secret", "item": "coffee"}'
    yield Step(
        "200: a body; the event below has it, and the answer's, without their credentials",
        f"curl -i {gateway}/hello {with_key} -H 'content-type: application/json' -d '{body}'",
    )


def administration(admin: str, *, token_file: str | None) -> Iterator[Step]:
    """Yield what to do at the Admin API at the URL ``admin``."""
    curl = "curl"
    if token_file is not None:
        curl += f' -H "Authorization: Bearer $(cat {shlex.quote(token_file)})"'
    keys = f"{admin}/consumers/user123/key-auth-enc"
    yield Step(
        "a consumer", f'{curl} -d "username=user123&custom_id=SOME_CUSTOM_ID" {admin}/consumers/'
    )
    yield Step("a key for it, made up by Tollkeeper", f'{curl} -X POST {keys} -d ""')
    yield Step("its keys", f"{curl} {keys}")
    yield Step("all keys", f"{curl} {admin}/key-auths-enc")
    yield Step(
        "delete the first of its keys",
        f"{curl} -i -X DELETE {keys}/$({curl} -s {keys} | {_FIRST_ID})",
    )
