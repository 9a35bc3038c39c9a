"""What a stopped server's data directory holds: rows against objects, every object decrypted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import sqlalchemy as sa

from registry.config import Settings
from registry.database import schema
from registry.domain.garbage import Freed, Garbage
from registry.domain.lifecycle.following import Following
from registry.domain.lifecycle.uses import Uses
from registry.domain.vault import Vault, blob_path, upload_path
from registry.ground import Ground, lay_ground
from registry.storage.driver import name_of
from registry.stores import deletions_of, repositories_of
from registry.values.digest import Digest


@dataclass(slots=True)
class Stock:
    """What was found. Paths are storage paths."""

    blobs: int = 0
    dangling: list[str] = field(default_factory=list)
    """Rows of blobs without their object, and of upload parts that are nowhere."""
    damaged: list[str] = field(default_factory=list)
    """Blobs whose content has not the digest or the size of their row."""
    orphans: list[str] = field(default_factory=list)
    """Objects below `blobs/` without a row, not even that of a leftover."""
    half_finished: list[str] = field(default_factory=list)
    """Parts of open uploads that lie below `blobs/` already: a crash just before the commit."""
    waste: list[str] = field(default_factory=list)
    """Objects below `uploads/` that no open upload has."""
    drafts: list[str] = field(default_factory=list)
    loose: int = 0
    """Blobs that an image needs and its repository does not hold."""
    leftovers: int = 0
    """Objects that are to be deleted, by their rows."""
    unheld: int = 0
    """Blobs that no repository holds."""
    idle: int = 0
    """Links that no image needs."""
    integrity: str = ""
    """What SQLite says of the database: ok."""

    def check(self) -> None:
        """Nothing lost, nothing damaged."""
        assert self.integrity == "ok", self.integrity
        assert not self.dangling, self.dangling[:5]
        assert not self.damaged, self.damaged[:5]
        assert not self.loose, self.loose
        assert not self.unheld, self.unheld

    def check_tidy(self) -> None:
        """And nothing left behind."""
        self.check()
        assert not self.orphans, self.orphans[:5]
        assert not self.waste, self.waste[:5]
        assert not self.half_finished, self.half_finished[:5]
        assert not self.drafts, self.drafts[:5]
        assert not self.leftovers, self.leftovers


def take_stock(data: Path) -> Stock:
    """Look through the data directory of a server that does not run."""
    ground = lay_ground(Settings(data=data))
    try:
        return _take(ground, Stock(drafts=[p.name for p in (data / "storage/.tmp").iterdir()]))
    finally:
        ground.close()


def _take(ground: Ground, stock: Stock) -> Stock:
    with ground.database.read() as connection:
        stock.integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        stock.loose = connection.execute(_loose()).scalar_one()
        rows = connection.execute(sa.select(schema.blobs)).all()
        parts = set(map(_part_path, connection.execute(_parts())))
        doomed = set(connection.execute(sa.select(schema.leftovers.c.path)).scalars())
        stock.unheld = connection.execute(_unheld()).scalar_one()
        stock.idle = connection.execute(_idle()).scalar_one()
    objects = set(ground.storage.list("blobs"))
    vault = Vault(ground.storage, ground.keys)
    for row in rows:
        _look_at(vault, row, objects, stock)
    uploads = set(ground.storage.list("uploads"))
    moved = {name_of(path): path for path in objects}
    moving = {moved[name] for name in map(name_of, parts) if name in moved}
    stock.orphans = sorted(objects - doomed - moving)
    stock.leftovers = len(doomed)
    stock.waste = sorted(uploads - parts)
    for part in sorted(parts - uploads):
        (stock.half_finished if name_of(part) in moved else stock.dangling).append(part)
    return stock


def _look_at(vault: Vault, row: sa.Row[Any], objects: set[str], stock: Stock) -> None:
    """One blob: its object, which is taken out of `objects`, decrypted and hashed."""
    stock.blobs += 1
    digest = Digest.parse(row.digest)
    path = blob_path(row.key_id, digest, row.object)
    if path not in objects:
        stock.dangling.append(path)
        return
    objects.remove(path)
    actual, size = hashlib.new(digest.algorithm), 0
    for chunk in vault.driver(row.key_id).get(path):
        actual.update(chunk)
        size += len(chunk)
    if actual.hexdigest() != digest.hex or size != row.size:
        stock.damaged.append(path)


def _parts() -> sa.Select[Any]:
    parts, uploads = schema.upload_parts, schema.uploads
    return sa.select(uploads.c.key_id, uploads.c.id, parts.c.object).join(
        uploads, uploads.c.id == parts.c.upload_id
    )


def _part_path(row: sa.Row[Any]) -> str:
    return upload_path(row.key_id, row.id, row.object)


def _loose() -> sa.Select[int]:
    needs, images, links = schema.image_blobs, schema.images, schema.links
    held = sa.exists().where(
        links.c.repository_id == images.c.repository_id, links.c.blob_id == needs.c.blob_id
    )
    joined = needs.join(images, images.c.id == needs.c.image_id)
    return sa.select(sa.func.count()).select_from(joined).where(~held)


def _idle() -> sa.Select[int]:
    idle = schema.links.c.idle_since.isnot(None)
    return sa.select(sa.func.count()).select_from(schema.links).where(idle)


def _unheld() -> sa.Select[int]:
    held = sa.exists().where(schema.links.c.blob_id == schema.blobs.c.id)
    return sa.select(sa.func.count()).select_from(schema.blobs).where(~held)


def collect_all(data: Path) -> Freed:
    """Collect as if all grace periods were over, on the data of a server that does not run."""
    hour = timedelta(hours=1)
    ground = lay_ground(Settings(data=data))
    try:
        garbage = Garbage(
            ground.database,
            Vault(ground.storage, ground.keys),
            ground.storage,
            grace=hour,
            expiry=hour,
            clock=lambda: datetime.now(UTC) + 2 * hour,
        )
        with ground.database.write() as connection:  # a server that was killed held it
            connection.execute(sa.delete(schema.tasks))
        freed = garbage.run(Event())
        assert freed is not None
        return freed
    finally:
        ground.close()


def follow_all(data: Path) -> int:
    """Let everything that deletions left behind follow; how many images that were."""
    hour, settings = timedelta(hours=1), Settings(data=data)
    ground = lay_ground(settings)
    try:
        following = Following(
            ground.database,
            repositories_of(settings, ground),
            deletions_of(settings, ground),
            Uses(ground.database),
            grace=hour,
            clock=lambda: datetime.now(UTC) + 2 * hour,
        )
        with ground.database.write() as connection:  # a server that was killed held it
            connection.execute(sa.delete(schema.tasks))
        return following.run(Event())
    finally:
        ground.close()


def loose_images(data: Path) -> set[str]:
    """Digests of images without a tag that no index lists, but for those at rest."""
    images, children, holders = schema.images, schema.image_children, schema.images.alias()
    tagged = sa.exists().where(schema.tags.c.image_id == images.c.id)
    listed = (
        sa.exists()
        .where(children.c.digest == images.c.digest, children.c.image_id == holders.c.id)
        .where(holders.c.repository_id == images.c.repository_id)
    )
    resting = sa.exists().where(schema.resting.c.shadow_id == images.c.repository_id)
    ground = lay_ground(Settings(data=data))
    try:
        with ground.database.read() as connection:
            query = sa.select(images.c.digest).where(~tagged, ~listed, ~resting)
            return set(connection.execute(query).scalars())
    finally:
        ground.close()
