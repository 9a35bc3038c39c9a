"""Rows of scans that are to be done, written in the transaction of the push that wants them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import registry_settings, scans
from registry.domain.scanning import states
from registry.domain.scanning.rules import DEFAULT, MANUAL, Configuration, frequency
from registry.domain.tasks import now
from registry.domain.vex import marks
from registry.values.errors import LimitExceeded
from registry.values.manifest import Manifest

if TYPE_CHECKING:
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

SCANNING = "scanning"
"""Name of the registry's setting."""
DAY = timedelta(days=1)

CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)


def configuration(connection: sa.Connection, scope: Scope) -> Configuration:
    """What is set for the registry, in this transaction."""
    query = sa.select(registry_settings.c.value).where(
        registry_settings.c.account == scope.account,
        registry_settings.c.region == scope.region,
        registry_settings.c.name == SCANNING,
    )
    value = connection.execute(query).scalar()
    return DEFAULT if value is None else Configuration(**json.loads(value))


def scannable(manifest: Manifest) -> bool:
    """Whether there is a container's file system in it, or in what it lists.

    The attestations that docker build makes have an image's config, and no layer with files.
    """
    if manifest.is_index:
        return bool(manifest.manifests) and manifest.artifact_type is None
    config = manifest.config
    return (
        config is not None
        and config.media_type in CONFIGS
        and manifest.artifact_type == config.media_type
        and (not manifest.layers or any("tar" in each.media_type for each in manifest.layers))
    )


def pushed(
    connection: sa.Connection, repository: Repository, image_id: int, manifest: Manifest
) -> None:
    """An image came that was not there: let it be scanned, if it is to be."""
    marks.pushed(connection, repository.id, manifest)
    wanted = frequency(configuration(connection, repository.scope), repository)
    if wanted == MANUAL:
        return
    if scannable(manifest):
        request(connection, image_id, "push")
    elif manifest.subject is None:
        _refuse(connection, image_id)


def request(
    connection: sa.Connection,
    image_id: int,
    cause: states.Cause,
    moment: datetime | None = None,
    *,
    daily: int = 0,
) -> None:
    """Let an image be scanned; one whose scan is waiting or running already is left alone.

    `daily` is how many scans may be asked for in a day; 0: any number. Raises LimitExceeded.
    """
    moment = moment or now()
    mine = scans.c.image_id == image_id
    row = connection.execute(sa.select(scans).where(mine)).first()
    if row is not None and row.status in states.OPEN:
        return
    values: dict[str, Any] = {
        "cause": cause,
        "missing": False,
        "requested_at": moment,
        "due_at": moment,
        "attempts": 0,
    }
    if cause != "rescan":  # nobody waits for a rescan: what was found stands meanwhile
        values |= {"status": states.PENDING, "description": states.WAITING}
        values |= _counted(row, moment, daily)
    if row is None:
        fresh = {"status": states.PENDING, "description": states.WAITING, "counts": {}}
        connection.execute(
            sa.insert(scans).values(image_id=image_id, **{"day_count": 0, **fresh, **values})
        )
    else:
        connection.execute(sa.update(scans).where(mine).values(**values))


def _counted(row: Any, moment: datetime, daily: int) -> dict[str, Any]:
    """One more scan of the day, which begins with its first. Raises LimitExceeded.

    A scan that failed does not count: nobody has anything of it. Source of the text: ECR's answer,
    as moto's tests and many who met it have it.
    """
    if row is None or row.day_began is None or row.day_began + DAY <= moment:
        return {"day_began": moment, "day_count": 1}
    count = row.day_count - (row.status == states.FAILED)
    if daily and count >= daily:
        raise LimitExceeded("The scan quota per image has been exceeded. Wait and try again.")
    return {"day_count": count + 1}


def _refuse(connection: sa.Connection, image_id: int) -> None:
    """What cannot be scanned, and is not even tried."""
    moment = now()
    connection.execute(
        sa.insert(scans).values(
            image_id=image_id,
            status=states.UNSUPPORTED,
            description=states.NO_IMAGE,
            cause="push",
            missing=False,
            requested_at=moment,
            ended_at=moment,
            counts={},
            attempts=0,
            day_count=0,
        )
    )
