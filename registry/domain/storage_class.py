"""Where an image lies: ready to be pulled, or in the archive.

Source: ECR User Guide, "Archiving an image"; ECR API reference, UpdateImageStorageClass.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from registry.database.schema import images

if TYPE_CHECKING:
    from collections.abc import Iterable

Status = Literal["ACTIVE", "ARCHIVED"]
ACTIVE: Status = "ACTIVE"
ARCHIVED: Status = "ARCHIVED"

_BATCH = 500


def set_status(
    connection: sa.Connection,
    image_ids: Iterable[int],
    status: Status,
    moment: datetime | None = None,
) -> list[int]:
    """Write the status of those that have another one; their ids, in order."""
    when = "archived_at" if status == ARCHIVED else "activated_at"
    values = {"status": status, when: moment or datetime.now(UTC)}
    wanted = sorted(set(image_ids))
    changed: list[int] = []
    for at in range(0, len(wanted), _BATCH):
        others = (images.c.id.in_(wanted[at : at + _BATCH]), images.c.status != status)
        found = connection.execute(sa.select(images.c.id).where(*others)).scalars().all()
        connection.execute(sa.update(images).where(images.c.id.in_(found)).values(values))
        changed += found
    return sorted(changed)
