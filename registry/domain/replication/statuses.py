"""What came of an image at each of its destinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import replications
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.images import Image


@dataclass(frozen=True, slots=True)
class Status:
    """How far an image is on its way to one destination."""

    destination: Scope
    status: str
    failure: str | None


class Statuses:
    """Looks them up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, image: Image) -> list[Status]:
        """One for each destination that the image was ever sent to."""
        query = (
            sa.select(replications)
            .where(replications.c.image_id == image.id)
            .order_by(replications.c.to_region, replications.c.to_account)
        )
        with self._database.read() as connection:
            return [
                Status(Scope(row.to_account, row.to_region), row.status, row.failure_code)
                for row in connection.execute(query)
            ]
