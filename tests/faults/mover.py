"""A program that forks one mover of repositories for each line it is sent, to be killed.

A line is a JSON object: `settings` (`Settings.dump()`). It answers `pid <number>`, `moving` when
that mover is about to begin, and `ended` when it has seen its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

import sqlalchemy as sa

from registry.config import Settings
from registry.database.schema import rekeys, tasks
from registry.domain.rekeyer import Rekeyer
from registry.ground import lay_ground
from registry.stores import resealing_of
from tests.faults.zygote import die_with_parent, say


def main() -> None:
    """Fork until standard input ends."""
    die_with_parent()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            move(json.loads(line)["settings"])
        os.waitpid(pid, 0)
        say("ended")


def move(settings: str) -> None:
    """Be a mover that does not wait for the lease of one that was killed; never returns."""
    die_with_parent()
    say(f"pid {os.getpid()}")
    try:
        loaded = Settings.load(settings)
        ground = lay_ground(loaded)
        with ground.database.write() as connection:
            connection.execute(sa.delete(tasks).where(tasks.c.name == "rekeying"))
            connection.execute(sa.update(rekeys).values(tried_at=None))
        say("moving")
        mover = Rekeyer(ground.database, resealing_of(loaded, ground), pause=lambda _: 0)
        mover.run(threading.Event())
        signal.pause()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
