"""The first step of a scanner's process: bind it, then become the scanner.

    python child.py PARENT CPU-SECONDS FILE-BYTES PROGRAM ARGUMENT…

Run as a script by its path, with nothing of the house imported. The process gets SIGKILL when
its parent dies, `kill -9` included (Linux), and what it may use of the processor and write into
one file is bounded. This is not done between fork and exec in the server, where threads hold
locks.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
NOT_FOUND = 127
"""Exit status where the program cannot be run, as of a shell."""


def main(arguments: list[str]) -> None:
    """Never returns."""
    parent, cpu, size, *command = arguments
    os.nice(10)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before that took hold
            sys.exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(NOT_FOUND)


if __name__ == "__main__":
    main(sys.argv[1:])
