"""What the bench can start and watch: it announces a port, and waits with a thread beside it."""

import os
import sys
import threading


def main() -> None:
    """Say a port that no other process says, and run until standard input ends."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
