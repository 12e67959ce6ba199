"""What the bench can start and watch: it announces a port, and waits with a thread beside it.

With an argument it goes on when its standard input has ended.
"""

import os
import signal
import sys
import threading


def main() -> None:
    """Say a port that no other process says, and run until standard input ends."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    sys.stdin.read()
    while sys.argv[1:]:
        signal.pause()


if __name__ == "__main__":
    main()
