"""Attaches reports after scans: what is due is a row, and is due until it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, repositories, scan_attachings
from registry.domain.repositories import by_id
from registry.domain.scan_reports.forms import form_named
from registry.domain.shadows import RESTING
from registry.domain.tasks import Task, now
from registry.values.digest import Digest
from registry.values.errors import MoorageError, Unavailable

if TYPE_CHECKING:
    from threading import Event

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.scan_reports.attachments import Attachments
    from registry.domain.scan_reports.writer import ReportWriter
    from registry.domain.scanning.attaching_rows import AttachingRows

TASK = "attaching"
SECONDS = 1.0
"""How often it is looked whether something is to be attached."""
PRINCIPAL = "arn:moorage:scanner"
"""Whose uploads these are."""
HELD = timedelta(minutes=10)
_FIRST, _LONGEST = timedelta(seconds=30), timedelta(hours=1)

_log = logging.getLogger("moorage.scanning")


class Attaching:
    """Attaches; one process at a time."""

    def __init__(
        self,
        database: Database,
        writer: ReportWriter,
        attachments: Attachments,
        rows: AttachingRows,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._writer = writer
        self._attachments = attachments
        self._rows = rows
        self._clock = clock
        self._task = Task(database, TASK, clock, held=HELD)

    def run(self, stop: Event) -> int:
        """Attach what is due; how many images that were. Raises Unavailable."""
        if not self._due() or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and self._task.renew() and (found := self._due()):
                self._attach(found[0])
                count += 1
        finally:
            self._task.release(finished=True)
        return count

    def _due(self) -> Sequence[Any]:
        query = (
            sa.select(scan_attachings, images.c.repository_id, images.c.digest)
            .join(images, images.c.id == scan_attachings.c.image_id)
            .join(repositories, repositories.c.id == images.c.repository_id)
            .where(scan_attachings.c.due_at <= self._clock(), repositories.c.account != RESTING)
            .order_by(scan_attachings.c.due_at)
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _attach(self, row: Any) -> None:
        """One image. A row that is written anew meanwhile stays due."""
        with self._database.read() as connection:
            repository = by_id(connection, row.repository_id)
            forms = () if repository is None else self._rows.forms(connection, repository)
        try:
            if repository is not None and forms:
                self._attach_all(repository, Digest.parse(row.digest), forms)
        except Unavailable as error:
            self._later(row, error)
            return
        except MoorageError as error:
            _log.warning("the report on %s is not attached: %s", row.digest, error)
        with self._database.write() as connection:
            connection.execute(sa.delete(scan_attachings).where(*_this(row)))

    def _attach_all(self, repository: Repository, digest: Digest, forms: Sequence[str]) -> None:
        subject = self._writer.subject(repository, digest)
        if subject.scan.platforms:  # each image of an index has its own
            return
        for each in forms:
            self._attachments.attach(repository, subject, form_named(each), PRINCIPAL)

    def _later(self, row: Any, error: Unavailable) -> None:
        wait = min(_FIRST * 2 ** min(row.attempts, 10), _LONGEST)
        _log.warning("the report on %s is not attached yet: %s", row.digest, error)
        values = {"due_at": self._clock() + wait, "attempts": row.attempts + 1}
        with self._database.write() as connection:
            connection.execute(sa.update(scan_attachings).where(*_this(row)).values(**values))


def _this(row: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return scan_attachings.c.image_id == row.image_id, scan_attachings.c.due_at == row.due_at
