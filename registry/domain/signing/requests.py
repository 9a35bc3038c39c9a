"""What is to be signed, what was, and what could not be: a row for each image and profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_signatures
from registry.domain.signing.configuration import profiles
from registry.domain.signing.payload import PAYLOAD

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.values.manifest import Manifest

IN_PROGRESS, COMPLETE, FAILED = "IN_PROGRESS", "COMPLETE", "FAILED"
_table = image_signatures.c


@dataclass(frozen=True, slots=True)
class Signing:
    """How far one profile's signature of an image is."""

    profile_arn: str
    status: str
    failure_code: str | None
    failure_reason: str | None


class Signings:
    """Tells of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, image_id: int) -> list[Signing]:
        """Those of an image, by profile."""
        columns = [_table.profile_arn, _table.status, _table.failure_code, _table.failure_reason]
        query = sa.select(*columns).where(_table.image_id == image_id)
        with self._database.read() as connection:
            return [Signing(*row) for row in connection.execute(query.order_by(_table.profile_arn))]


def request(
    connection: sa.Connection, repository: Repository, image_id: int, manifest: Manifest
) -> None:
    """An image was pushed: have it signed by each profile whose rules fit, once.

    What could not be signed before is tried again. What refers to an image, and a signature that
    only its tag ties to one, are not signed. A public registry has no rules.
    """
    if manifest.subject or any(part.media_type == PAYLOAD for part in manifest.blobs):
        return
    known = sa.select(_table.profile_arn, _table.status).where(_table.image_id == image_id)
    wanted = profiles(connection, repository.scope, repository.name)
    if not wanted:
        return
    status = {row.profile_arn: row.status for row in connection.execute(known)}
    again = [arn for arn in wanted if status.get(arn) == FAILED]
    if again:
        mine = sa.and_(_table.image_id == image_id, _table.profile_arn.in_(again))
        values = {"status": IN_PROGRESS, "failure_code": None, "failure_reason": None}
        connection.execute(sa.update(image_signatures).where(mine).values(values))
    row = {"image_id": image_id, "status": IN_PROGRESS, "requested_at": datetime.now(UTC)}
    rows = [{**row, "profile_arn": arn} for arn in wanted if arn not in status]
    if rows:
        connection.execute(sa.insert(image_signatures), rows)


def finish(
    connection: sa.Connection,
    image_id: int,
    profile_arns: list[str],
    failure: tuple[str, str] | None,
) -> None:
    """These signatures are there; or could not be made, by code and reason."""
    code, reason = failure or (None, None)
    mine = sa.and_(_table.image_id == image_id, _table.profile_arn.in_(profile_arns))
    values = {
        "status": COMPLETE if failure is None else FAILED,
        "failure_code": code,
        "failure_reason": reason,
    }
    connection.execute(sa.update(image_signatures).where(mine).values(values))
