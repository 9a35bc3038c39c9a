"""Images that somebody runs: they never go by themselves, and never to the archive.

A reporter, such as an ECS, says now and then which images its tasks, services and task
definitions need: all of them each time. What it said holds until it says something else, or
until its lease is over, which is long: a reporter that is down must not cost anybody an image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from registry.database.schema import image_reporters, images, images_in_use, repositories, tags
from registry.domain.tasks import now
from registry.values.expiring import ReporterNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.database.database import Database
    from registry.domain.lifecycle.kinship import Image
    from registry.values.scope import Scope

LEASE = timedelta(days=7)
"""How long a report holds, where it does not say."""
LEASE_MIN, LEASE_MAX = timedelta(hours=1), timedelta(days=365)


class Use(NamedTuple):
    """An image by its repository's name and its digest or tag, there or not."""

    repository: str
    reference: str

    def __str__(self) -> str:
        """As docker writes it."""
        return f"{self.repository}{'@' if ':' in self.reference else ':'}{self.reference}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a reporter said last."""

    reporter: str
    reported_at: datetime
    expires_at: datetime
    uses: tuple[Use, ...]


class Uses:
    """Takes reports, and answers from them."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def report(self, scope: Scope, reporter: str, uses: Iterable[Use], lease: timedelta) -> Report:
        """Replace all that the reporter said before."""
        moment, found = self._clock(), tuple(sorted(set(uses)))
        with self._database.write() as connection:
            connection.execute(sa.delete(image_reporters).where(*_named(scope, reporter)))
            row = {"account": scope.account, "region": scope.region, "name": reporter}
            times = {"reported_at": moment, "expires_at": moment + lease}
            added = connection.execute(sa.insert(image_reporters).values(**row, **times))
            assert added.inserted_primary_key is not None  # noqa: S101 - one row was inserted
            (number,) = added.inserted_primary_key
            rows = [{"image_reporter_id": number, **each._asdict()} for each in found]
            if rows:
                connection.execute(sa.insert(images_in_use), rows)
        return Report(reporter, moment, moment + lease, found)

    def get(self, scope: Scope, reporter: str) -> Report:
        """What the reporter said last. Raises ReporterNotFound."""
        with self._database.read() as connection:
            row = connection.execute(_reporters(*_named(scope, reporter))).first()
            if row is None:
                raise _none(reporter)
            return _report(connection, row)

    def reports(self, scope: Scope) -> list[Report]:
        """Of all reporters, by name."""
        mine = image_reporters.c.account == scope.account, image_reporters.c.region == scope.region
        with self._database.read() as connection:
            found = connection.execute(_reporters(*mine)).all()
            return [_report(connection, row) for row in found]

    def end(self, scope: Scope, reporter: str) -> None:
        """Forget all that the reporter said. Raises ReporterNotFound."""
        with self._database.write() as connection:
            gone = sa.delete(image_reporters).where(*_named(scope, reporter))
            if connection.execute(gone).rowcount == 0:
                raise _none(reporter)

    def lapse(self) -> list[str]:
        """Forget reports whose lease is over; whose they were."""
        over = image_reporters.c.expires_at <= self._clock()
        with self._database.read() as connection:
            names = list(
                connection.execute(sa.select(image_reporters.c.name).where(over)).scalars()
            )
        if names:
            with self._database.write() as connection:
                connection.execute(sa.delete(image_reporters).where(over))
        return names

    def missing(self, scope: Scope, uses: Iterable[Use]) -> list[Use]:
        """Those that lead to no image now."""
        with self._database.read() as connection:
            return [each for each in uses if not _there(connection, scope, each)]

    def references(self, connection: sa.Connection, repository_id: int) -> set[str]:
        """Digests and tags of a repository that are in use now."""
        used = (
            sa.select(images_in_use.c.reference)
            .join(image_reporters, image_reporters.c.id == images_in_use.c.image_reporter_id)
            .join(
                repositories,
                sa.and_(
                    repositories.c.account == image_reporters.c.account,
                    repositories.c.region == image_reporters.c.region,
                    repositories.c.name == images_in_use.c.repository,
                ),
            )
            .where(repositories.c.id == repository_id)
            .where(image_reporters.c.expires_at > self._clock())
        )
        return set(connection.execute(used).scalars())


def _there(connection: sa.Connection, scope: Scope, use: Use) -> bool:
    by_digest = ":" in use.reference
    table = images if by_digest else tags
    column = images.c.digest if by_digest else tags.c.name
    query = (
        sa.select(column)
        .join(repositories, repositories.c.id == table.c.repository_id)
        .where(
            repositories.c.account == scope.account,
            repositories.c.region == scope.region,
            repositories.c.name == use.repository,
            column == use.reference,
        )
    )
    return connection.execute(query).first() is not None


def used_among(found: Iterable[Image], references: Collection[str]) -> frozenset[int]:
    """Ids of the images that the references name."""
    if not references:
        return frozenset()
    return frozenset(
        image.id
        for image in found
        if image.digest in references or any(tag in references for tag in image.tags)
    )


def _reporters(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(image_reporters).where(*conditions).order_by(image_reporters.c.name)


def _report(connection: sa.Connection, row: sa.Row[Any]) -> Report:
    query = (
        sa.select(images_in_use.c.repository, images_in_use.c.reference)
        .where(images_in_use.c.image_reporter_id == row.id)
        .order_by(images_in_use.c.repository, images_in_use.c.reference)
    )
    uses = tuple(Use(*each) for each in connection.execute(query))
    return Report(row.name, row.reported_at, row.expires_at, uses)


def _named(scope: Scope, reporter: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        image_reporters.c.account == scope.account,
        image_reporters.c.region == scope.region,
        image_reporters.c.name == reporter,
    )


def _none(reporter: str) -> ReporterNotFound:
    return ReporterNotFound(f"the reporter '{reporter}' has said nothing about images in use")
