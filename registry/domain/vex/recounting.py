"""Counts suppressed findings anew where a VEX document came, changed or went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, repositories, vex_counts
from registry.domain.repositories import Repository, by_id
from registry.domain.scanning.findings import Finding, counted
from registry.domain.shadows import RESTING
from registry.domain.tasks import Task
from registry.values.digest import Digest
from registry.values.errors import Damaged, KeyNotFound, KeyUnavailable

if TYPE_CHECKING:
    from threading import Event

    from registry.database.database import Database
    from registry.domain.scanning.scans import Scans

TASK = "vex"
SECONDS = 1.0
"""How often it is looked whether there is something to count."""
_BATCH = 50

Changed = Callable[[sa.Connection, Repository, int], None]
"""Is told of an image of which something else is said than before."""


class Recounting:
    """Counts; one process at a time."""

    def __init__(self, database: Database, scans: Scans, changed: Changed) -> None:
        self._database = database
        self._scans = scans
        self._changed = changed
        self._task = Task(database, TASK)

    def run(self, stop: Event) -> int:
        """Count what is due; how many images that were. Raises Unavailable."""
        if not self._due(1) or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and self._task.renew() and (found := self._due(_BATCH)):
                for row in found:
                    self._count(row)
                count += len(found)
        finally:
            self._task.release(finished=True)
        return count

    def _due(self, most: int) -> Sequence[Any]:
        query = (
            sa.select(vex_counts, images.c.repository_id, images.c.digest)
            .join(images, images.c.id == vex_counts.c.image_id)
            .join(repositories, repositories.c.id == images.c.repository_id)
            .where(vex_counts.c.due_at.isnot(None), repositories.c.account != RESTING)
            .order_by(vex_counts.c.due_at)
            .limit(most)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _count(self, row: Any) -> None:
        """One image; if it is marked again meanwhile, it is counted again."""
        with self._database.read() as connection:
            repository = by_id(connection, row.repository_id)
        found = None if repository is None else self._judged(repository, row.digest)
        values: dict[str, Any] = {"due_at": None}
        if found is not None:
            mark = mark_of(found)
            values |= {"suppressed": suppressed(found), "mark": mark}
        mine = vex_counts.c.image_id == row.image_id, vex_counts.c.due_at == row.due_at
        with self._database.write() as connection:
            changed = connection.execute(sa.update(vex_counts).where(*mine).values(**values))
            if changed.rowcount and repository is not None and values.get("mark") != row.mark:
                self._changed(connection, repository, row.image_id)

    def _judged(self, repository: Repository, digest: str) -> Sequence[Finding] | None:
        try:
            result = self._scans.report(repository, Digest.parse(digest), raw=False)
        except (Damaged, KeyNotFound, KeyUnavailable):
            return None
        return None if result is None else result.findings


def suppressed(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of each severity count for nothing."""
    return counted(each for each in findings if each.suppressed)


def mark_of(findings: Sequence[Finding]) -> str:
    """The same where the same is said of the same findings; empty where nothing is."""
    told = sorted(
        [*each.key, json.dumps(each.verdict.plain())] for each in findings if each.verdict
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest() if told else ""
