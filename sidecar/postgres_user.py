"""Whom PostgreSQL runs as: it refuses to be root, and ``initdb`` to be nobody known.

An ordinary user with a name runs it as it is. For root, and for a user id without a name, a user
namespace makes the programs see an ordinary user, while files keep their owner and nothing on the
machine is changed. Where namespaces are forbidden, root becomes ``nobody`` for it.
"""

import asyncio
import os
import pwd
import shutil
import signal
import stat
from dataclasses import replace
from pathlib import Path

from sidecar.errors import EmbeddedPostgresError
from sidecar.leash import User, leash_command
from sidecar.postgres_binaries import Binaries

_OTHERS_MAY_PASS = stat.S_IXOTH


async def choose_user(
    binaries: Binaries, *, data_dir: Path, namespaces: bool = True
) -> tuple[User | None, Binaries]:
    """Return whom to run PostgreSQL as (None: whoever we are), and what to run.

    Args:
        binaries: What there is to run.
        data_dir: Gets a copy of the programs if the user cannot reach them where they are.
        namespaces: Whether to try a user namespace.

    Raises:
        EmbeddedPostgresError: We are root, and there is no way to be somebody else.
    """
    is_root = os.geteuid() == 0
    if not is_root and _has_name(os.geteuid()):
        return None, binaries
    nobody = _nobody()
    mapped = nobody._replace(namespace=True)
    if namespaces and await _runs_as(mapped, binaries):
        return mapped, binaries
    if not is_root:
        return None, binaries  # enough for a server; initdb says itself what it misses
    return nobody, await _reachable(binaries, nobody, data_dir)


def owner_of_files(user: User | None) -> tuple[int, int]:
    """Return the user and group id that files of this user have, as we see them."""
    if user is None or user.namespace:
        return os.geteuid(), os.getegid()
    return user.uid, user.gid


def give(path: Path, user: User | None) -> None:
    """Make the user the owner of a directory and of all that is in it.

    Only what is ours to give: as root, what is root's or was nobody's in an earlier run.

    Raises:
        EmbeddedPostgresError: It is another's.
    """
    uid, gid = owner_of_files(user)
    owner = path.stat().st_uid
    if owner == uid:
        return
    if os.geteuid() != 0 or owner not in (0, _nobody().uid):
        raise EmbeddedPostgresError(f"{path} belongs to another user: run tollkeeper as that one")
    for directory, _, files in os.walk(path):
        for name in (".", *files):
            os.chown(Path(directory, name), uid, gid, follow_symlinks=False)


def _nobody() -> User:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return User(65534, 65534)
    return User(entry.pw_uid, entry.pw_gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


async def _runs_as(user: User, binaries: Binaries) -> bool:
    argv = [binaries.postgres, "--version"]
    process = await asyncio.create_subprocess_exec(
        *leash_command(argv, death_signal=signal.SIGKILL, user=user),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


async def _reachable(binaries: Binaries, nobody: User, data_dir: Path) -> Binaries:
    _let_pass(data_dir)
    if await _runs_as(nobody, binaries):
        return binaries
    copied = await asyncio.to_thread(_copy, binaries, data_dir)
    return replace(binaries, directory=copied / "bin")


def _let_pass(data_dir: Path) -> None:
    # data_dir is Tollkeeper's own; what is above it is not touched.
    data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | _OTHERS_MAY_PASS)
    for path in data_dir.resolve().parents:
        if not path.stat().st_mode & _OTHERS_MAY_PASS:
            raise EmbeddedPostgresError(
                "PostgreSQL refuses to run as root, user namespaces are forbidden here, and"
                f" nobody else may pass {path}: run tollkeeper as an ordinary user, or put"
                " data_dir elsewhere"
            )


def _copy(binaries: Binaries, data_dir: Path) -> Path:
    installation = binaries.directory.parent
    package = installation.parent
    target = data_dir.resolve() / f"postgresql-{binaries.major}"
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(installation, unfinished / package.name / installation.name)
        # A wheel's shared libraries are beside its package, and are looked for there.
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    return target / package.name / installation.name
