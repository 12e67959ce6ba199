"""``/config``: everything at once, as a declarative file, where there is no database.

A configuration is put in force as a whole, in every process, or not at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson

from sidecar.admin.arguments import Arguments
from sidecar.admin.call import Call, Reply
from sidecar.admin.operation import JsonSchema, Operation
from sidecar.admin.payload import TEXT, TEXTS, Payload
from sidecar.admin.problems import ProblemError, plain, unsupported
from sidecar.admin.roles import ADMINS_ONLY
from sidecar.admin.routing import Endpoint
from sidecar.declarative.declaration import Declaration, KeyReader, keys_in_clear
from sidecar.declarative.editions import CannotPublishError, Edition
from sidecar.declarative.parser import digest_of, parse_declaration
from sidecar.declarative.problems import DeclarationError
from sidecar.declarative.rendering import shown_entities, shown_file

PATH = "/config"
_SAID = {"1": True, "true": True, "0": False, "false": False, None: True}
_BODY: JsonSchema = {
    "type": "object",
    "description": "A declarative file as JSON; or its text, YAML or JSON, as `config`.",
    "properties": {TEXT: {"type": "string"}, "_format_version": {"type": "string"}},
}
_UNSURE = "The configuration is in force, but it is not known to be applied by every worker"


class ConfigurationEndpoint:
    """Answers ``/config``.

    Args of the constructor: what returns the edition in force; what puts a declaration in force,
    and returns whether every process goes by it; what the texts of keys mean; whether keys are
    shown again; and the clock.
    """

    def __init__(
        self,
        *,
        edition: Callable[[], Edition],
        publish: Callable[[Declaration], Awaitable[bool]],
        keys: KeyReader = keys_in_clear,
        reveal: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._edition = edition
        self._publish = publish
        self._keys = keys
        self._reveal = reveal
        self._clock = clock
        self._loading = asyncio.Lock()

    def digest(self) -> str:
        """Return what tells the configuration in force from others."""
        return self._edition().declaration.digest

    def endpoint(self) -> Endpoint:
        """Return the endpoint."""
        text: JsonSchema = {"type": "object", "properties": {TEXT: {"type": "string"}}}
        return Endpoint(
            PATH,
            {"GET": self.show, "POST": self.load},
            ADMINS_ONLY,
            {
                "GET": Operation(summary="Show what is declared, as a file.", gives=text),
                "POST": Operation(
                    summary="Declare everything anew.",
                    status=201,
                    gives={"type": "object"},
                    takes=_BODY,
                    arguments=("check_hash", "flatten_errors", "wait"),
                ),
            },
            audited=True,
            texts=TEXTS,
        )

    async def show(self, _call: Call) -> Reply:
        """Return everything, as the text of a file."""
        declaration = self._edition().declaration
        text = await asyncio.to_thread(
            shown_file, declaration, now=self._clock(), reveal=self._reveal
        )
        return Reply(body={TEXT: text})

    async def load(self, call: Call) -> Reply:
        """Put a configuration in force, whole.

        Raises:
            ProblemError: It is not valid, or cannot be put in force from here.
        """
        text = _text_of(call.payload)
        if text is None:
            raise plain(400, "expected a declarative configuration")
        async with self._loading:
            if _is_set(call.arguments, call.payload, "check_hash"):
                digest = await asyncio.to_thread(digest_of, text)
                if digest == self.digest():
                    return Reply(status=304)
            return await self._load(call, text)

    async def _load(self, call: Call, text: bytes) -> Reply:
        now = self._clock()
        try:
            declaration = await asyncio.to_thread(parse_declaration, text, now=now, keys=self._keys)
        except DeclarationError as error:
            flatten = _is_set(call.arguments, call.payload, "flatten_errors")
            raise ProblemError(400, error.body(flatten=flatten)) from None
        body = await asyncio.to_thread(shown_entities, declaration, now=now)
        try:
            applied = await self._publish(declaration)
        except CannotPublishError as error:
            raise unsupported(f"cannot load a configuration: {error}") from None
        except TimeoutError:
            raise plain(504, "It is not known whether the configuration is in force") from None
        if not applied and call.arguments.has("wait"):
            raise plain(504, _UNSURE)
        return Reply(status=201, body=body)


def _text_of(payload: Payload) -> bytes | None:
    """Return the text that was sent, or the text of the object that was."""
    values = payload.values
    if isinstance(values.get(TEXT), str):
        return str(values[TEXT]).encode()
    document = {name: value for name, value in values.items() if name not in _OPTIONS}
    if payload.is_form or not document:
        return None
    return orjson.dumps(document)


_OPTIONS = frozenset({"check_hash", "flatten_errors"})


def _is_set(arguments: Arguments, payload: Payload, name: str) -> bool:
    """Tell whether an option is on: in the query, or as Kong has it also in the body."""
    if arguments.has(name):
        return _SAID.get(arguments.first(name), False)
    said = payload.values.get(name, False)
    return said is True or (isinstance(said, str) and _SAID.get(said, False))
