"""What looks secret is taken out, by name, by type and by shape; the rest stays."""

from collections import UserDict
from typing import Any

import pytest

from authsvc.apikey import ApiKey
from sidecar.redaction import redact, redact_text
from sidecar.secret import Secret

CANARY = "canary4711"

HIDDEN: dict[str, dict[str, Any]] = {
    "a key": {"key": CANARY},
    "a name in other spelling": {"X-API-Key": CANARY, "ApiKey": CANARY, "api_key": CANARY},
    "names that end alike": {"admin_token": CANARY, "db_password": CANARY, "client_secret": CANARY},
    "headers": {"headers": {"accept": CANARY}},
    "within a mapping": {"request": {"headers": [CANARY], "authorization": CANARY}},
    "within a list": {"rows": [{"password": CANARY}]},
    "bytes under a secret name": {"key": CANARY.encode()},
    "bytes under any name": {"found": CANARY.encode()},
    "a secret": {"value": Secret(CANARY)},
    "a secret in a list": {"value": [Secret(CANARY)]},
    "an API key": {"value": ApiKey.from_text(CANARY)},
    "a DSN": {"problem": f"cannot connect to postgresql://user:{CANARY}@host/db"},
    "a DSN with a careless password": {"problem": f"postgres://user:a/b@{CANARY}@host/db"},
    "a DSN in keywords": {"problem": f"host=h user=u password={CANARY} dbname=d"},
    "a DSN in quoted keywords": {"problem": f"password = '{CANARY} {CANARY}'"},
    "a query string": {"target": f"/a?b=1&apikey={CANARY}&c=2"},
    "JSON in a text": {"problem": f'{{"password": "{CANARY}"}}'},
    "an authorization in a text": {"problem": f"sent Authorization: Bearer {CANARY}"},
    "a repr of an object": {"value": type("T", (), {"__repr__": lambda _: f"password={CANARY}"})()},
    "behind a mapping of another kind": {"value": UserDict({"password": CANARY})},
}


@pytest.mark.parametrize("case", HIDDEN)
def test_it_is_hidden(case: str) -> None:
    assert CANARY not in str(redact(HIDDEN[case]))


SHOWN: dict[str, Any] = {
    "event": "consumer created",
    "consumer_id": "0b6f",
    "credential_id": "0b6f",
    "key_id": "abcd1234",
    "credentials": 3,
    "token": None,
    "path": "/consumers",
    "tokens_left": 5,
    "list": [1, 2.5, True, None, "x"],
    "url": "https://api.example.org/v1",
}


def test_the_rest_stays_as_it_is() -> None:
    assert redact(SHOWN) == SHOWN


def test_what_is_no_json_becomes_text() -> None:
    assert redact({"a": object, "b": float("nan"), "c": {1: (2,)}}) == {
        "a": "<class 'object'>",
        "b": "nan",
        "c": {"1": [2]},
    }


def test_an_object_whose_repr_fails_costs_no_line() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert redact({"a": Broken()}) == {"a": "(Broken)"}


def test_what_contains_itself_is_cut() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "…" in str(redact({"a": endless}))


@pytest.mark.parametrize("unit", ["a", "a://", "password", "password=", "x://y", "bearer ", "'"])
def test_a_long_text_is_cut_before_it_can_cost_much(unit: str) -> None:
    assert len(redact_text(unit * 500_000)) < 10_000  # hours, if the whole were searched


def test_a_text_is_not_cut_through_a_secret() -> None:
    text = "x " * 4090 + f"postgresql://user:{CANARY * 3}@host"
    assert CANARY[:6] not in redact_text(text)
