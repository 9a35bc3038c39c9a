"""Objects in storage that no row knows.

The rows are read after the listing, in one state. What was listed had its row before it came
there, so by then it has that row still, or has lost it and never gets another one. Paths that
are not of this server's making are none of its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import blobs, leftovers, upload_parts, uploads

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.storage.driver import Driver

_BATCH = 500
_UPLOAD = re.compile(r"uploads/[^/]+/([0-9a-f-]{36})/[0-9a-f]{32}")
_BLOB = re.compile(r"blobs/([^/]+)/([^/]+)/[0-9a-f]{2}/([0-9a-f]+)/([0-9a-f]{32})")


def parts(database: Database, storage: Driver) -> Iterator[list[str]]:
    """Parts whose upload has ended, some at a time; few objects are looked through.

    Of an upload that goes on, a part without a row may be about to get it: it goes with it.
    """
    for paths in _batches(storage.list("uploads")):
        ids = {path: match[1] for path in paths if (match := _UPLOAD.fullmatch(path))}
        with database.read() as connection:
            query = sa.select(uploads.c.id).where(uploads.c.id.in_(set(ids.values())))
            known = set(connection.execute(query).scalars())
        if found := [path for path, upload in ids.items() if upload not in known]:
            yield found


def objects(database: Database, storage: Driver) -> Iterator[tuple[int, list[str]]]:
    """Objects among the blobs that nothing knows, some at a time: all are looked through.

    With how many were looked at.
    """
    for paths in _batches(storage.list("blobs")):
        yield len(paths), unknown(database, paths)


def unknown(database: Database, paths: Iterable[str]) -> list[str]:
    """Those among the paths below `blobs/` that neither a blob, a part nor a leftover has."""
    found = {path: match for path in paths if (match := _BLOB.fullmatch(path))}
    names = [match[4] for match in found.values()]
    digests: dict[str, set[str]] = {}
    for match in found.values():
        digests.setdefault(match[1], set()).add(f"{match[2]}:{match[3]}")
    moving = sa.select(upload_parts.c.object).where(upload_parts.c.object.in_(names))
    doomed = sa.select(leftovers.c.path).where(leftovers.c.path.in_(found))
    with database.read() as connection:
        known = set(connection.execute(moving).scalars())
        for key_id, some in digests.items():
            stored = sa.select(blobs.c.object).where(
                blobs.c.key_id == key_id, blobs.c.digest.in_(some)
            )
            known |= set(connection.execute(stored).scalars())
        waste = set(connection.execute(doomed).scalars())
    return [path for path, match in found.items() if match[4] not in known and path not in waste]


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    listed = iter(paths)
    while batch := list(islice(listed, _BATCH)):
        yield batch
