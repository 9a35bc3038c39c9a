"""Rows of images whose report is to be attached, written with the scan that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import scan_attachings
from registry.domain.scanning.settings import settings_of
from registry.domain.tasks import now

if TYPE_CHECKING:
    from registry.domain.repositories import Repository


class AttachingRows:
    """Writes them, where a repository or the server wants it."""

    def __init__(self, forms: Sequence[str]) -> None:
        """`forms` are those that are attached where a repository says nothing."""
        self._forms = tuple(forms)

    def forms(self, connection: sa.Connection, repository: Repository) -> tuple[str, ...]:
        """What is attached to images of the repository."""
        own = settings_of(connection, repository.id).attach
        return self._forms if own is None else own

    def note(self, connection: sa.Connection, repository: Repository, image_id: int) -> None:
        """The image's report says something that it did not say before."""
        if not self.forms(connection, repository):
            return
        mine = scan_attachings.c.image_id == image_id
        connection.execute(sa.delete(scan_attachings).where(mine))
        row = {"image_id": image_id, "due_at": now(), "attempts": 0}
        connection.execute(sa.insert(scan_attachings).values(row))
