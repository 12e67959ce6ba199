"""``python -m bench.worker_memory``: what a worker of authsvc holds, and when it is ready.

The product runs as its command line starts it, on an embedded Postgres with as many keys as wanted;
each key is asked for twice, so that the worker knows it and has its answer prepared.  Printed are
resident memory, and PSS, in which what is shared with other processes counts in part.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from authsvc.root_key import RootKey
from bench.traffic import METHOD, check_request
from sidecar.embedded_postgres import EmbeddedPostgres

_TOLLKEEPER = Path(sys.executable).with_name("tollkeeper")
_WORKER = "sidecar.role_process"
_KIB = 1024  # in a MiB
_AT_ONCE = 64  # checks in flight
_READY_WITHIN = 60.0  # seconds
_STOPPED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MiB."""

    rss: float
    pss: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """Measure a process."""
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size) / _KIB for name, size, *_ in map(str.split, lines)}
        return cls(sizes["Rss:"], sizes["Pss:"])

    def __str__(self) -> str:
        return f"RSS {self.rss:6.1f} MiB  PSS {self.pss:6.1f} MiB"


async def measure(options: argparse.Namespace) -> float:
    """Measure; return the resident memory of a worker that knows all keys, in MiB."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        address = f"unix:{folder}/checks.sock"
        async with EmbeddedPostgres(folder / "data") as dsn:
            environ = os.environ | _settings(folder, dsn, address) | options.settings
            await asyncio.to_thread(_import, folder, environ, options.keys)
            began = time.perf_counter()
            with running(environ) as product:
                return await _watch(product, address, options.asked or options.keys, began)


async def _watch(product: int, address: str, keys: int, began: float) -> float:
    worker = await worker_of(product)
    born = time.perf_counter()
    async with asyncio.timeout(_READY_WITHIN), grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        ready = time.perf_counter()
        print(f"product started, worker ready  {ready - began:4.1f} s")
        print(f"worker started, ready          {ready - born:4.1f} s  {Memory.of(worker)}")
        check = channel.unary_unary(METHOD)
        await _ask_all(check, keys)
        known = Memory.of(worker)
        print(f"{keys:,} keys known".ljust(39), known)
        await _ask_all(check, keys)
        print(f"{keys:,} answers prepared".ljust(39), Memory.of(worker))
        return known.rss


async def _ask_all(check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes], keys: int) -> None:
    left = iter(range(keys))

    async def ask() -> None:
        for number in left:
            answer = CheckResponse.FromString(await check(check_request(_key(number))))
            assert answer.HasField("ok_response"), answer

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(ask())


async def worker_of(product: int) -> int:
    """Wait for the product's only worker; return its process id."""
    async with asyncio.timeout(_READY_WITHIN):
        while True:
            for pid in _children(product):
                if _WORKER in _command(pid):
                    return pid
            await asyncio.sleep(0.005)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@contextmanager
def running(environ: Mapping[str, str]) -> Iterator[int]:
    """Run the product until the block ends; yield its process id."""
    with subprocess.Popen([_TOLLKEEPER, "run"], env=environ, stdout=sys.stderr) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(_STOPPED_WITHIN)


def _settings(folder: Path, dsn: str, address: str) -> dict[str, str]:
    root_key = folder / "root.key"
    root_key.write_text(RootKey.generate_base64())
    root_key.chmod(0o600)
    return {
        "TOLLKEEPER_DATA_DIR": str(folder),
        "TOLLKEEPER_DATABASE__URL": dsn,
        "TOLLKEEPER_KEYRING__ROOT_KEY_FILE": str(root_key),
        "TOLLKEEPER_AUTHSVC__GRPC": address,
        "TOLLKEEPER_AUTHSVC__HTTP": f"unix:{folder}/http.sock",
        "TOLLKEEPER_ANALYTICS__GRPC": "null",
        "TOLLKEEPER_ADMIN__LISTEN": "null",
        "TOLLKEEPER_DIAGNOSTICS__LISTEN": "null",
        "TOLLKEEPER_LOG__LEVEL": "warning",
    }


def _import(folder: Path, environ: Mapping[str, str], keys: int) -> None:
    consumers = [
        {"username": f"consumer-{number}", "keyauth_credentials": [{"key": _key(number)}]}
        for number in range(keys)
    ]
    file = folder / "kong.json"
    file.write_text(json.dumps({"_format_version": "3.0", "consumers": consumers}))
    with (folder / "import.log").open("w") as log:
        subprocess.run([_TOLLKEEPER, "import", file], env=environ, check=True, stdout=log)


def _key(number: int) -> str:
    return f"bench{number:027d}"


def _setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return f"TOLLKEEPER_{name.upper().replace('.', '__')}", value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worker_memory", description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000, help="in the database")
    parser.add_argument("--asked", type=int, help="of them; others are only known to exist")
    parser.add_argument(
        "--set", dest="settings", type=_setting, action="append", default=[], metavar="NAME=VALUE"
    )
    parser.add_argument("--at-most", type=float, help="MiB; more ends with status 1")
    options = parser.parse_args()
    options.settings = dict(options.settings)
    resident = asyncio.run(measure(options))
    sys.exit(options.at_most is not None and resident > options.at_most)


if __name__ == "__main__":
    main()
