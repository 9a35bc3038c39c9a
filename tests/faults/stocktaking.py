"""What a stopped server's data directory holds: rows against objects, every object decrypted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.app import Ground, lay_ground
from registry.config import Settings
from registry.database import schema
from registry.domain.vault import Vault, blob_path, upload_path
from registry.storage.driver import name_of
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
    """Objects below `blobs/` without a row."""
    half_finished: list[str] = field(default_factory=list)
    """Parts of open uploads that lie below `blobs/` already: a crash just before the commit."""
    waste: list[str] = field(default_factory=list)
    """Objects below `uploads/` that no open upload has."""
    drafts: list[str] = field(default_factory=list)
    loose: int = 0
    """Blobs that an image needs and its repository does not hold."""
    integrity: str = ""
    """What SQLite says of the database: ok."""

    def check(self) -> None:
        """Nothing lost, nothing damaged."""
        assert self.integrity == "ok", self.integrity
        assert not self.dangling, self.dangling[:5]
        assert not self.damaged, self.damaged[:5]
        assert not self.loose, self.loose

    def check_tidy(self) -> None:
        """And nothing left behind."""
        self.check()
        assert not self.orphans, self.orphans[:5]
        assert not self.waste, self.waste[:5]
        assert not self.half_finished, self.half_finished[:5]
        assert not self.drafts, self.drafts[:5]


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
    objects = set(ground.storage.list("blobs"))
    vault = Vault(ground.storage, ground.keys)
    for row in rows:
        _look_at(vault, row, objects, stock)
    uploads = set(ground.storage.list("uploads"))
    stock.orphans = sorted(objects)
    stock.waste = sorted(uploads - parts)
    moved = set(map(name_of, objects))
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
    parts, uploads, repositories = schema.upload_parts, schema.uploads, schema.repositories
    return (
        sa.select(repositories.c.key_id, uploads.c.id, parts.c.object)
        .join(uploads, uploads.c.id == parts.c.upload_id)
        .join(repositories, repositories.c.id == uploads.c.repository_id)
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
