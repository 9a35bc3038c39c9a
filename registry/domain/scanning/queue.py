"""Who scans what: a lease in each row, so that no image is scanned twice at once.

A holder renews its lease while it scans. One that was killed loses it when its time is over,
and whoever takes the row next begins anew. A holder that stood still for longer than that finds
out at its end: `end` changes nothing then.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import (
    image_children,
    images,
    repositories,
    scans,
    tasks,
    vex_counts,
)
from registry.domain import events, links
from registry.domain import image_rows as rows
from registry.domain.repositories import Repository, by_id
from registry.domain.scanning import states
from registry.domain.scanning.findings import counts_without
from registry.domain.shadows import RESTING
from registry.domain.tasks import now
from registry.domain.vex import marks
from registry.values.digest import Digest
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from registry.database.database import Database

TASK = "scanner"
"""The task of asking which scanner there is."""
HELD = timedelta(seconds=60)
"""How long a lease lasts without being renewed."""
_RENEWED = HELD.total_seconds() / 4
_LATER = "{} A later scan failed: {}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A scan that is one's own to do."""

    image_id: int
    repository: Repository
    digest: Digest
    cause: states.Cause
    attempts: int
    """This one too."""
    requested_at: datetime
    holder: str
    stood: states.Status
    """What its status was."""
    text: str
    """What was told of that."""
    counts: Mapping[str, int]
    suppressed: Mapping[str, int]

    @property
    def quiet(self) -> bool:
        """Whether nobody waits for it: what was found before stands meanwhile."""
        return self.stood not in states.OPEN


class Queue:
    """The scans that are due."""

    def __init__(self, database: Database, most: int, clock: Callable[[], datetime] = now) -> None:
        """`most` is how many may go on at once, over all processes of the server."""
        self._database = database
        self._most = most
        self._clock = clock

    def take(self) -> Claim | None:
        """A scan to do, if one is due and there is room for one more."""
        with self._database.read() as connection:
            if connection.execute(self._due().limit(1)).first() is None:
                return None
        with self._database.write() as connection:
            held = self._held(connection)
            if len(held) >= self._most:
                return None
            row = connection.execute(
                self._due().where(images.c.digest.not_in(held)).order_by(scans.c.due_at).limit(1)
            ).first()
            return None if row is None else self._claim(connection, row)

    @contextmanager
    def kept(self, claim: Claim) -> Iterator[None]:
        """Renew the lease until the block ends."""
        over = Event()
        thread = Thread(target=self._keep, args=(claim, over), name="moorage-scan-lease")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def later(self, claim: Claim, wait: timedelta, *, counted: bool = True) -> None:
        """Let it be done later; `counted` says whether this was an attempt."""
        values = {
            "due_at": self._clock() + wait,
            "holder": None,
            "held_until": None,
            "attempts": claim.attempts if counted else claim.attempts - 1,
        }
        with self._database.write() as connection:
            connection.execute(sa.update(scans).where(*mine(claim)).values(**values))

    def _keep(self, claim: Claim, over: Event) -> None:
        while not over.wait(_RENEWED):
            try:
                with self._database.write() as connection:
                    until = {"held_until": self._clock() + HELD}
                    connection.execute(sa.update(scans).where(*mine(claim)).values(**until))
            except Unavailable:
                continue  # there is time for two more before the lease is lost

    def _due(self) -> sa.Select[Any]:
        moment = self._clock()
        free = sa.or_(scans.c.held_until.is_(None), scans.c.held_until <= moment)
        return (
            sa.select(scans, images.c.repository_id, images.c.digest)
            .join(images, images.c.id == scans.c.image_id)
            .join(repositories, repositories.c.id == images.c.repository_id)
            .where(scans.c.due_at <= moment, free, repositories.c.account != RESTING)
        )

    def _held(self, connection: sa.Connection) -> list[str]:
        """Digests of what is being scanned now."""
        query = (
            sa.select(images.c.digest)
            .join(scans, scans.c.image_id == images.c.id)
            .where(scans.c.held_until > self._clock())
        )
        return list(connection.execute(query).scalars())

    def _claim(self, connection: sa.Connection, row: Any) -> Claim:
        repository = by_id(connection, row.repository_id)
        assert repository is not None  # noqa: S101 - its images would be gone with it
        claim = Claim(
            image_id=row.image_id,
            repository=repository,
            digest=Digest.parse(row.digest),
            cause=row.cause,
            attempts=row.attempts + 1,
            requested_at=row.requested_at,
            holder=uuid.uuid4().hex,
            stood=row.status,
            text=row.description,
            counts=row.counts,
            suppressed=_suppressed(connection, row.image_id),
        )
        values: dict[str, Any] = {
            "holder": claim.holder,
            "held_until": self._clock() + HELD,
            "attempts": claim.attempts,
        }
        if not claim.quiet:
            values |= {"status": states.IN_PROGRESS, "description": states.RUNNING}
        connection.execute(
            sa.update(scans).where(scans.c.image_id == row.image_id).values(**values)
        )
        return claim


def mine(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    """What selects the row while it is still one's own."""
    return (scans.c.image_id == claim.image_id, scans.c.holder == claim.holder)


def end(
    connection: sa.Connection,
    claim: Claim,
    status: states.Status,
    description: str,
    moment: datetime,
    *,
    suppressed: Mapping[str, int] | None = None,
    **found: Any,
) -> bool:
    """Write down what came of it; False if it is no longer one's own.

    `found` are the columns of a scan that was completed, `suppressed` is how many of its findings
    count for nothing; None where that is as it was. What an earlier scan found stands if
    a later one, that nobody waited for, fails.
    """
    if status == states.FAILED and claim.stood == states.COMPLETE:
        description = _LATER.format(states.SUCCEEDED, description)
        status = states.COMPLETE
    values = {
        "status": status,
        "description": description,
        "ended_at": moment,
        "due_at": None,
        "holder": None,
        "held_until": None,
        "missing": False,
        **found,
    }
    if connection.execute(sa.update(scans).where(*mine(claim)).values(**values)).rowcount != 1:
        return False
    if suppressed is not None:
        marks.scanned(connection, claim.repository.id, claim.image_id, suppressed)
    before = counts_without(claim.counts, claim.suppressed)
    gone = claim.suppressed if suppressed is None else suppressed
    counts = counts_without(found.get("counts", claim.counts), gone)
    if not claim.quiet or status != claim.stood or counts != before:
        _tell(connection, claim, status, counts)
    hurry_indexes(connection, claim.repository.id, str(claim.digest), moment)
    return True


def hurry_indexes(
    connection: sa.Connection, repository_id: int, digest: str, moment: datetime
) -> None:
    """Let the indexes that list the image, and were to be scanned, look at it again."""
    listing = links.holders(image_children, image_children.c.digest == digest, repository_id)
    connection.execute(
        sa.update(scans)
        .where(scans.c.image_id.in_(listing), scans.c.due_at.is_(None))
        .values(due_at=moment, attempts=0)
    )


def _suppressed(connection: sa.Connection, image_id: int) -> Mapping[str, int]:
    query = sa.select(vex_counts.c.suppressed).where(vex_counts.c.image_id == image_id)
    return connection.execute(query).scalar() or {}


def start_anew(database: Database) -> None:
    """Let anybody take what is held, and look for the scanner: who did is known to be no more."""
    held = scans.c.holder.isnot(None)
    nobody: dict[str, Any] = {"holder": None, "held_until": None}
    looked = {**nobody, "finished_at": None, "state": {}}
    with database.write() as connection:
        connection.execute(sa.update(scans).where(held).values(**nobody))
        connection.execute(sa.update(tasks).where(tasks.c.name == TASK).values(**looked))


def _tell(connection: sa.Connection, claim: Claim, status: str, counts: Mapping[str, int]) -> None:
    named = rows.tags_by_image(connection, [claim.image_id]).get(claim.image_id, [])
    events.scanned(
        connection,
        claim.repository,
        str(claim.digest),
        named,
        status=status,
        severities=counts,
    )
