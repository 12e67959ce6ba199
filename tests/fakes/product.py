"""The real product: `tollkeeper run` in processes of its own."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from sidecar.address import TcpAddress
from tests.deadline import eventually
from tests.fakes.free_port import free_port

HOST = "127.0.0.1"
_ROOT = Path(__file__).resolve().parents[2]
TOLLKEEPER = Path(sys.executable).with_name("tollkeeper")  # the console script
_READY_WITHIN, _STOPPED_WITHIN = 100.0, 30.0  # seconds
_LOG_LINES = 40  # of a product that did not start


def clean_environment() -> dict[str, str]:
    """Return our environment without what would configure the product, or send events away."""
    return {n: v for n, v in os.environ.items() if not n.startswith(("TOLLKEEPER_", "MOESIF_"))}


class Product:
    """Runs in ``directory``, where its settings and its log are. A context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        database_url: str | None = None,
        declared: str | None = None,
        workers: int = 1,
    ) -> None:
        """Take a place to run in.

        Args:
            directory: For its files.
            database_url: None: the embedded database, in ``directory``.
            declared: What the declarative file says at first, instead of a database.
            workers: How many processes check requests.
        """
        self.directory = directory
        self.log = directory / "product.log"
        self.authsvc, self.authsvc_http, self.analytics, self.admin, self.diagnostics = (
            TcpAddress(HOST, free_port()) for _ in range(5)
        )
        self._settings = directory / "tollkeeper.yaml"
        self._process: subprocess.Popen[bytes] | None = None
        self.declarative_file = directory / "kong.yaml"
        if declared is not None:
            self.declare(declared)
        self._write_settings(database_url, workers, is_declared=declared is not None)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def admin_url(self) -> str:
        return f"http://{self.admin}"

    async def start(self) -> None:
        """Start, and wait until traffic may come."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - takes no time
                [TOLLKEEPER, "run", "--config", str(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                env=clean_environment(),
            )
        try:
            await eventually(self._is_ready, "the product to get ready", within=_READY_WITHIN)
        except AssertionError as error:
            self._process.kill()  # nobody would stop it: no context has been entered
            raise AssertionError(f"{error}; its log ends with\n{self._end_of_log()}") from None

    def declare(self, text: str) -> None:
        """Exchange the declarative file."""
        draft = self.declarative_file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.declarative_file)

    def hang_up(self) -> None:
        """Send SIGHUP."""
        os.kill(self.pid, signal.SIGHUP)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal, and return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, _STOPPED_WITHIN)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            await self.stop()

    async def page(self, path: str) -> str:
        """Return a page of the diagnostics."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.diagnostics}{path}") as response,
        ):
            return await response.text()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what was logged."""
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def workers(self, role: str) -> list[int]:
        """Return the ids of the processes that were started last for a role."""
        started = {
            line["worker"]: line["pid"]
            for line in self.lines()
            if line["event"] == "serving" and line["role"] == role
        }
        return list(started.values())

    async def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError("the product ended")
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{self.diagnostics}/readyz") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-_LOG_LINES:])

    def _write_settings(self, database_url: str | None, workers: int, *, is_declared: bool) -> None:
        settings: dict[str, Any] = {
            "data_dir": str(self.directory / "var"),
            "authsvc": {
                "grpc": str(self.authsvc),
                "http": str(self.authsvc_http),
                "workers": workers,
            },
            "analytics": {"grpc": str(self.analytics)},
            "admin": {"listen": str(self.admin)},
            "diagnostics": {"listen": str(self.diagnostics)},
        }
        if database_url is not None:
            key = self.directory / "root.key"
            key.write_bytes(base64.b64encode(os.urandom(32)))
            key.chmod(0o600)
            settings["database"] = {"url": database_url}
            settings["keyring"] = {"root_key_file": str(key)}
        if is_declared:
            settings["database"] = {"url": "off"}
            settings["declarative_config"] = str(self.declarative_file)
        self._settings.write_text(yaml.safe_dump(settings))
        self._settings.chmod(0o600)
