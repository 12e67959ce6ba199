"""``python -m bench.transfers``: a declarative file into an empty database, again, and out of it.

Prints for each command how long it took, and the most memory that it had.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from authsvc.root_key import RootKey
from sidecar.embedded_postgres import EmbeddedPostgres

_TOLLKEEPER = Path(sys.executable).with_name("tollkeeper")


@dataclass(frozen=True, slots=True)
class Run:
    """One command."""

    name: str
    seconds: float
    resident: int  # bytes, at most


async def run(count: int) -> list[Run]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with EmbeddedPostgres(Path(folder)) as dsn:
            return await asyncio.to_thread(_commands, Path(folder), dsn, count)


def _commands(folder: Path, dsn: str, count: int) -> list[Run]:
    key, file = folder / "bench.root.key", folder / "kong.json"
    key.write_text(RootKey.generate_base64())
    key.chmod(0o600)
    file.write_text(json.dumps(_file(count)))
    environ = os.environ | {
        "TOLLKEEPER_DATABASE__URL": dsn,
        "TOLLKEEPER_KEYRING__ROOT_KEY_FILE": str(key),
    }
    exported = str(folder / "export.yaml")
    return [
        _measured("import", environ, "import", str(file)),
        _measured("import again", environ, "import", str(file)),
        _measured("export", environ, "export", exported),
        _measured("export --encrypted", environ, "export", "--encrypted", exported),
    ]


def _file(count: int) -> dict[str, object]:
    consumers = [
        {
            "username": f"consumer-{number}",
            "custom_id": f"c-{number}",
            "tags": ["bulk"],
            "keyauth_credentials": [{"key": f"a-key-of-consumer-{number}-and-nobody-else"}],
            "acls": [{"group": "staff"}],
        }
        for number in range(count)
    ]
    return {"_format_version": "3.0", "consumers": consumers}


def _measured(name: str, environ: dict[str, str], *arguments: str) -> Run:
    began = time.perf_counter()
    with subprocess.Popen(
        [_TOLLKEEPER, *arguments], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, name
    return Run(name, time.perf_counter() - began, usage.ru_maxrss * 1024)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.transfers", description=__doc__)
    parser.add_argument("--consumers", type=int, default=20_000)
    options = parser.parse_args()
    rows = options.consumers * 3
    print(f"{'command':<20}{'rows':>9}{'seconds':>9}{'per s':>9}{'resident':>12}")
    for one in asyncio.run(run(options.consumers)):
        resident = f"{one.resident / 2**20:.1f} MiB"
        rate = rows / one.seconds
        print(f"{one.name:<20}{rows:>9}{one.seconds:>9.1f}{rate:>9.0f}{resident:>12}")


if __name__ == "__main__":
    main()
