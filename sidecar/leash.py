"""Starts a program that dies with the process that started it.

``leash_command`` makes a command line that runs this very file first. It gives the program a
session of its own (a Ctrl-C in the terminal reaches only the supervisor), makes it an ordinary
user if asked to, asks the kernel to signal it when its parent ends (``PR_SET_PDEATHSIG``), and
becomes it: the process id stays.

Rules:

1. The process that calls ``leash_command`` must be the one that starts the command, from a thread
   that lives on: for the kernel, the parent is the thread.
2. Only the standard library, and little of it: this runs with ``-I -S``, before every program.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
# By Python, and by a shell for what it starts in the background; programs inherit that. One that
# ignores its death signal would outlive its parent.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_FAILED = 126  # as the shell's for a command that cannot be run


class User(NamedTuple):
    """Whom the program runs as.

    ``namespace``: it only looks so to the program, in a user namespace of its own; to everybody
    else it stays whom the starter is, with the same rights on files, but none of root's powers.
    """

    uid: int
    gid: int
    namespace: bool = False


class LeashError(Exception):
    """The program was not started; the text says why."""


def leash_command(
    argv: Sequence[str], *, death_signal: signal.Signals, user: User | None = None
) -> list[str]:
    """Return the command line that runs ``argv`` on a leash; ``argv[0]`` is a path or on PATH.

    What cannot be done ends the process with 126 and one line on stderr.
    """
    as_whom = "" if user is None else f"{user.uid}:{user.gid}:{int(user.namespace)}"
    here = str(Path(__file__).resolve())
    leash = [sys.executable, "-I", "-S", here, str(os.getpid()), str(int(death_signal)), as_whom]
    return [*leash, *argv]


def run(parent: int, death_signal: int, user: User | None, argv: Sequence[str]) -> NoReturn:
    """Become the program.

    Raises:
        LeashError: It could not be done.
    """
    if sys.platform != "linux":
        raise LeashError("only Linux can end a program with its parent")
    libc = ctypes.CDLL(None, use_errno=True)
    with suppress(PermissionError):  # already the leader of a session or group
        os.setsid()
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_DFL)
    try:
        if user is not None:
            _become(user, libc)
        # After the change of user, which would clear it.
        _check(libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
        if os.getppid() != parent:  # it ended before the kernel was asked to tell
            raise LeashError("the parent is gone")
        os.execvp(argv[0], list(argv))  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        raise LeashError(f"cannot run {argv[0]}: {error.strerror}") from None


def _become(user: User, libc: ctypes.CDLL) -> None:
    if not user.namespace:
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)
        return
    uid, gid = os.geteuid(), os.getegid()
    _check(libc.unshare(_CLONE_NEWUSER))
    # Without setgroups, even a process without any power may map its group.
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user.uid} {uid} 1"),
        ("gid_map", f"{user.gid} {gid} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def main(arguments: Sequence[str]) -> NoReturn:
    """Run ``parent-pid death-signal user command…``, as ``leash_command`` made it."""
    parent, death_signal, as_whom, *argv = arguments
    user = None
    if as_whom:
        uid, gid, namespace = (int(part) for part in as_whom.split(":"))
        user = User(uid, gid, bool(namespace))
    try:
        run(int(parent), int(death_signal), user, argv)
    except LeashError as error:
        sys.stderr.write(f"leash: {error}\n")
        sys.exit(_FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
