"""A program that imports the server once and then forks one for each line it is sent.

A line is a JSON object: `settings` (`Settings.dump()`), `log` (file that its output goes to).
It answers `pid <number>`, then `ready` when that server serves; the server's parent is this
program, which writes `ended <pid> <status>` when it has seen one's end. A forked server is in
every respect what `moorage serve` runs: it only saves the second that Python needs to import it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys

from registry.app import create
from registry.config import Settings
from registry.serve import serve

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork until standard input ends."""
    die_with_parent()
    assert callable(create)  # imported so that every child has it
    gc.freeze()  # else the child's first collection copies every page that it shares
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(told["settings"], told["log"])
        _, status = os.waitpid(pid, 0)
        say(f"ended {pid} {os.waitstatus_to_exitcode(status)}")


def run(settings: str, log: str) -> None:
    """Be the server; never returns."""
    status = 70
    die_with_parent()
    say(f"pid {os.getpid()}")
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        status = serve(Settings.load(settings), lambda _: say("ready"))
    finally:
        os._exit(status)


def die_with_parent() -> None:
    """Tests that end by force leave nothing behind. Source: prctl(2)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    main()
