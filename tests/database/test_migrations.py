"""Databases of older versions come through whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from registry.database import migrate
from registry.database.database import Database
from registry.database.schema import (
    images,
    rekeys,
    repositories,
    tags,
    upload_parts,
    uploads,
    upstream_images,
    upstream_tags,
)


@pytest.fixture
def old(tmp_path: Path) -> Database:
    """A database as 0.1 left it."""
    database = Database(tmp_path / "moorage.db")
    config = migrate.configuration()
    with database.alter() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    return database


def insert(connection: sa.Connection, table: sa.Table, **values: Any) -> None:
    """A row of a table as it was then, whose other columns are filled with anything."""
    known = {column["name"]: column for column in sa.inspect(connection).get_columns(table.name)}
    kinds: list[tuple[type[sa.types.TypeEngine[Any]], Any]] = [
        (sa.JSON, "[]"), (sa.Integer, 0), (sa.Boolean, 0), (sa.LargeBinary, b""), (sa.Text, ""),
    ]  # fmt: skip
    row = dict(values)
    for name, column in known.items():
        if name not in {*row, "id"} and not column["nullable"] and column["default"] is None:
            row[name] = next(v for kind, v in kinds if isinstance(column["type"], kind))
    then = sa.table(table.name, *map(sa.column, row))
    connection.execute(sa.insert(then).values(row))


def test_what_came_from_an_upstream_is_known(old: Database) -> None:
    with old.write() as connection:
        for number, name in enumerate(("cached", "own"), 1):
            insert(connection, repositories, id=number, account="1", region="r", name=name)
        for number, (where, digest) in enumerate(
            [(1, "tagged"), (1, "untagged"), (1, "before"), (1, "pushed"), (1, "also"), (2, "x")], 1
        ):
            insert(connection, images, id=number, repository_id=where, digest=digest)
        for tag, digest, previous in (("v1", "tagged", None), ("v2", "after", "before"),
                                      ("v3", "upstream", None)):  # fmt: skip
            row = {"repository_id": 1, "name": tag, "digest": digest, "previous": previous}
            insert(connection, upstream_tags, **row)
        for tag, image in (("v1", 1), ("v2", 3), ("v3", 4), ("mine", 5)):
            insert(connection, tags, repository_id=1, name=tag, image_id=image)
    migrate.upgrade(old)
    with old.read() as connection:
        came = connection.execute(sa.select(upstream_images.c.image_id)).scalars().all()
        assert sorted(came) == [1, 2, 3]
        assert connection.execute(sa.select(sa.func.count()).select_from(images)).scalar() == 6


def test_moves_to_other_keys_go_on(old: Database) -> None:
    with old.write() as connection:
        insert(connection, repositories, id=1, account="1", region="r", name="app")
        for key, problem in (("one", None), ("two", "the disk")):
            moved = {"key_id": key, "blobs": 3, "blob_bytes": 500, "problem": problem}
            insert(connection, rekeys, repository_id=1, **moved)
    migrate.upgrade(old)
    with old.read() as connection:
        columns = (rekeys.c.key_id, rekeys.c.blob_bytes, rekeys.c.problem, rekeys.c.stopped_at)
        found = connection.execute(sa.select(*columns).order_by(rekeys.c.key_id)).all()
        assert [tuple(row) for row in found] == [
            ("one", 500, None, None),
            ("two", 500, "the disk", None),
        ]


def test_open_uploads_keep_their_parts(old: Database) -> None:
    with old.write() as connection:
        insert(connection, repositories, id=1, account="1", region="r", name="app")
        insert(connection, uploads, id="u", repository_id=1, size=7)
        for number in range(2):
            insert(connection, upload_parts, upload_id="u", number=number, size=5)
    migrate.upgrade(old)
    with old.read() as connection:
        kept = connection.execute(sa.select(uploads.c.id, uploads.c.size, uploads.c.arriving)).all()
        assert [tuple(row) for row in kept] == [("u", 7, 0)]
        sizes = connection.execute(sa.select(upload_parts.c.size)).scalars().all()
        assert sizes == [5, 5]
