"""The data of the embedded PostgreSQL: ``<data_dir>/postgres``, and its password beside it."""

import asyncio
import os
import re
import secrets
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import EmbeddedPostgresError
from sidecar.leash import User, leash_command
from sidecar.postgres_binaries import Binaries
from sidecar.postgres_user import give

USER = "tollkeeper"
DATABASE = "postgres"  # the one that initdb makes
_INITDB_SECONDS = 120.0
_LABEL = re.compile(rb"^initdb: (?:error: )?")
_OPTIONS = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",  # nothing here sorts by language, and the machine may have none
    "--data-checksums",
    "--no-instructions",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the data and its password are."""

    directory: Path
    password_file: Path

    @classmethod
    def within(cls, data_dir: Path) -> "Cluster":
        """Return the cluster of a data directory, made or not."""
        return cls(data_dir / "postgres", data_dir / "postgres.password")

    def major(self) -> int | None:
        """Return the major version that made the data, or None if there are none.

        Raises:
            EmbeddedPostgresError: They cannot be read.
        """
        try:
            return int((self.directory / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise EmbeddedPostgresError(f"{self.directory} belongs to another user") from None
        except ValueError:
            raise EmbeddedPostgresError(f"{self.directory} is not a PostgreSQL's") from None

    def password(self) -> str:
        """Return the superuser's password.

        Raises:
            EmbeddedPostgresError: Its file is not there, or not ours.
        """
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self.password_file} cannot be read ({error.strerror})"
            ) from None

    async def make(self, binaries: Binaries, user: User | None) -> None:
        """Make an empty database with a random password; all of it or nothing.

        Raises:
            EmbeddedPostgresError: ``initdb`` failed; the text has the last thing it said.
        """
        if self.directory.exists():
            raise EmbeddedPostgresError(f"{self.directory} is not a PostgreSQL's")
        password = secrets.token_urlsafe(24)
        _write_private(self.password_file, password)
        unfinished = self.directory.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        give(unfinished, user)
        await _initdb(binaries, user, directory=unfinished, password=password)
        unfinished.rename(self.directory)


async def _initdb(binaries: Binaries, user: User | None, *, directory: Path, password: str) -> None:
    # The password goes through memory: no file that the other user would have to be let near.
    pwfile = os.memfd_create("pwfile")
    try:
        os.write(pwfile, password.encode())
        argv = [binaries.initdb, f"--pgdata={directory}", f"--pwfile=/proc/self/fd/{pwfile}"]
        process = await asyncio.create_subprocess_exec(
            *leash_command([*argv, *_OPTIONS], death_signal=signal.SIGTERM, user=user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[pwfile],
            env=server_environment(),
        )
    finally:
        os.close(pwfile)
    try:
        async with asyncio.timeout(_INITDB_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        raise EmbeddedPostgresError("initdb did not come to an end") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = [_LABEL.sub(b"", line) for line in said.splitlines() if b"rror" in line]
        why = lines[0].decode(errors="replace") if lines else "it said nothing"
        raise EmbeddedPostgresError(f"the database could not be made: {why}")


def server_environment() -> dict[str, str]:
    """Return what PostgreSQL's programs see of our environment: nothing secret, no ``PG…``."""
    kept = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in kept if name in os.environ}


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)
