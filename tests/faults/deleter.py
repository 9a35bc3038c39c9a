"""A program that forks one deleter for each line it is sent, to be killed.

A deleter deletes images, tags and the repository, brings them back and collects garbage, in an
order that its seed gives, until it is killed. A line is a JSON object: `settings`
(`Settings.dump()`), `repository`, `seed`. It answers `pid <number>`, `deleting` when that one is
about to begin, and `ended` when it has seen its end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from registry.config import Settings
from registry.database.schema import tasks
from registry.domain.deletions import Named
from registry.domain.garbage import Garbage
from registry.domain.vault import Vault
from registry.ground import Ground, lay_ground
from registry.stores import deletions_of, ecr_stores, undelete_of
from registry.values.errors import Conflict, ImageNotFound, RepositoryNotFound
from tests.faults.client import chance
from tests.faults.zygote import die_with_parent, say

HOUR = timedelta(hours=1)


class Deleter:
    """Deletes and brings back what one repository holds."""

    def __init__(self, settings: Settings, ground: Ground, name: str, seed: int) -> None:
        self._settings = settings
        self._ground = ground
        self._stores = ecr_stores(settings, ground)
        self._undelete = undelete_of(ground)
        self._name = name
        self._dice = chance(seed)

    def run(self) -> None:
        """Until the end of the process."""
        deeds = [self._images, self._images, self._tag, self._all, self._back, self._back]
        while True:
            self._dice.choice([*deeds, self._back, self._collect])()

    def _images(self) -> None:
        """Some images at once, by digest."""
        try:
            target = self._stores.repositories.get(self._settings.scope, self._name)
        except RepositoryNotFound:
            return
        every = self._stores.images.page(target, 0, 99)
        chosen = self._dice.sample(every, min(len(every), self._dice.randint(1, 4)))
        wanted = [Named(image.digest, None) for image in chosen]
        deletions_of(self._settings, self._ground).delete(target, wanted)

    def _tag(self) -> None:
        try:
            target = self._stores.repositories.get(self._settings.scope, self._name)
            tags = self._stores.images.tag_page(target, "", 99)
            if tags:
                self._stores.images.untag(target, self._dice.choice(tags))
        except (RepositoryNotFound, ImageNotFound):
            return

    def _all(self) -> None:
        try:
            self._stores.repositories.delete(self._settings.scope, self._name, force=True)
        except RepositoryNotFound:
            return

    def _back(self) -> None:
        """Anything that rests; the repository first, where it does."""
        rests = self._undelete.page(self._settings.scope, self._name, None, 99)
        whole = [item for item in rests if item.kind == "repository"]
        if rests:
            chosen = self._dice.choice(whole or rests)
            try:
                self._undelete.restore(self._settings.scope, chosen.id)
            except Conflict:
                return

    def _collect(self) -> None:
        """As if two hours had gone by: what rests is kept for seven days."""
        with self._ground.database.write() as connection:
            connection.execute(sa.delete(tasks))
        vault = Vault(self._ground.storage, self._ground.provider)
        Garbage(
            self._ground.database,
            vault,
            self._ground.storage,
            grace=HOUR,
            expiry=HOUR,
            clock=lambda: datetime.now(UTC) + 2 * HOUR,
        ).run(threading.Event())


def delete(told: dict[str, str]) -> None:
    """Be a deleter; never returns."""
    die_with_parent()
    say(f"pid {os.getpid()}")
    try:
        settings = Settings.load(told["settings"])
        deleter = Deleter(settings, lay_ground(settings), told["repository"], int(told["seed"]))
        say("deleting")
        deleter.run()
    finally:
        os._exit(70)


def main() -> None:
    """Fork until standard input ends."""
    die_with_parent()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            delete(json.loads(line))
        _, status = os.waitpid(pid, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
